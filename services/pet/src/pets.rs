//! The pets, always the same, so that an answer tells which instance gave it and nothing else.

use serde::Serialize;

/// A pet as the API shows it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Pet {
    /// Unique among all pets.
    pub id: u32,
    /// What it is called.
    pub name: &'static str,
    /// What it is.
    pub species: &'static str,
    /// The id of the store that has it.
    pub store: u32,
}

/// The ids of the stores that there are.
pub const STORES: [u32; 3] = [1, 2, 3];

/// Every pet, in the order of their ids.
pub const PETS: [Pet; 7] = [
    Pet {
        id: 1,
        name: "Simurgh",
        species: "parrot",
        store: 1,
    },
    Pet {
        id: 2,
        name: "Rakhsh",
        species: "pony",
        store: 1,
    },
    Pet {
        id: 3,
        name: "Gorbeh",
        species: "cat",
        store: 1,
    },
    Pet {
        id: 4,
        name: "Mahi",
        species: "goldfish",
        store: 2,
    },
    Pet {
        id: 5,
        name: "Lakposht",
        species: "tortoise",
        store: 2,
    },
    Pet {
        id: 6,
        name: "Tazi",
        species: "dog",
        store: 3,
    },
    Pet {
        id: 7,
        name: "Khargush",
        species: "rabbit",
        store: 3,
    },
];
