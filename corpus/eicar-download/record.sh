# shellcheck shell=bash
browse pc2 download.freesoft.example http://download.freesoft.example/eicar.com
sleep 0.5
browse pc2 download.freesoft.example http://download.freesoft.example/eicar.txt --compressed
