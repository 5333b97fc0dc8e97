//! The simulation must be at least as cruel as it says.

use std::path::Path;

use super::*;
use crate::fs::{PRIVATE_DIRECTORY, PRIVATE_FILE};

fn with_file(path: &Path, contents: &[u8]) -> (SimulatedFileSystem, Box<dyn File>) {
    let system = SimulatedFileSystem::new();
    let file = system.create_new(path, PRIVATE_FILE).unwrap();
    file.write_at(0, &[contents]).unwrap();
    (system, file)
}
