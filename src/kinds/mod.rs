//! What each goal kind does, one file each, against ports.
