//! The stores, always the same.

use serde::Serialize;

/// A store, without its pets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Store {
    pub(crate) id: u32,
    pub(crate) name: &'static str,
    pub(crate) address: &'static str,
}

/// Every store, in the order of their ids.
pub(crate) const STORES: [Store; 3] = [
    Store {
        id: 1,
        name: "Bazaar",
        address: "1 Saffron Lane",
    },
    Store {
        id: 2,
        name: "Harbour",
        address: "2 Lantern Quay",
    },
    Store {
        id: 3,
        name: "Orchard",
        address: "3 Pomegranate Hill",
    },
];
