//! Tests of whole-file writes.
