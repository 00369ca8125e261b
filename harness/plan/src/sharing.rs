//! Which cases may share a mesh.

/// Which cases may share a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// None: each has its own.
    Nothing,
    /// Those that only look.
    Looks,
    /// Also those of which the mesh can be repaired.
    Repairs,
}
