# shellcheck shell=bash
browse pc2 login.nisemono-bank.example http://login.nisemono-bank.example/
browse pc2 login.nisemono-bank.example http://login.nisemono-bank.example/login -d 'id=taro&password=not-a-real-one'
browse pc2 login.nisemono-bank.example https://login.nisemono-bank.example/
