set -eu
mkdir -p deps dist
[ -e deps/fetched ] || cp deps.lock deps/fetched
cat deps/fetched app/* > dist/package
