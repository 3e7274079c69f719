set -eu
mkdir -p reports
grep -c hello dist/package > reports/hello.txt
