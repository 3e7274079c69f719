#!/bin/sh
# Stands for the tests of all parts together.
set -eu
for part in libraries/shared services/api services/web; do
    (cd "$part" && sh test.sh)
done
