#!/bin/sh
# Stands for the checks of this repository.
set -eu
echo "$1 check of $ATOMIST_BRANCH"
