#!/bin/sh
# Stands for a build.
set -eu
echo "built $ATOMIST_SHA"
