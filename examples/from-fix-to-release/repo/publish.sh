echo "publishing $SDM_RELEASE_VERSION"
