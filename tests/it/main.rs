//! The one integration binary: a topic per file.
