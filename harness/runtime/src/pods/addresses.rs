//! Addresses of pods.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use crate::RuntimeError;

/// Which addresses of a block of 256 pods have.
#[derive(Debug)]
pub struct Addresses {
    prefix: [u8; 3],
    /// The last bytes that there are for pods, the first and the last of them.
    range: (u8, u8),
    taken: BTreeSet<u8>,
    next: u8,
}

impl Addresses {
    /// Those of `prefix` whose last bytes are `first` to `last`, all free.
    pub fn new(prefix: [u8; 3], first: u8, last: u8) -> Self {
        Self {
            prefix,
            range: (first, last),
            taken: BTreeSet::new(),
            next: first,
        }
    }

    /// Takes one: the next that was never used, so that who still calls a pod that is gone does not reach another; then
    /// the ones given back, in turn.
    ///
    /// # Errors
    /// All are taken.
    pub fn take(&mut self) -> Result<IpAddr, RuntimeError> {
        let (first, last) = self.range;
        let last_byte = (self.next..=last)
            .chain(first..self.next)
            .find(|byte| !self.taken.contains(byte))
            .ok_or_else(|| {
                let limit = usize::from(last - first) + 1;
                RuntimeError::other(format!("a mesh holds at most {limit} pods"))
            })?;
        self.taken.insert(last_byte);
        self.next = if last_byte == last { first } else { last_byte + 1 };
        let [a, b, c] = self.prefix;
        Ok(Ipv4Addr::new(a, b, c, last_byte).into())
    }

    /// Gives one back.
    pub fn give_back(&mut self, address: IpAddr) {
        if let IpAddr::V4(address) = address {
            let [.., last_byte] = address.octets();
            self.taken.remove(&last_byte);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_used_again_as_late_as_can_be() {
        let mut addresses = Addresses::new([127, 64, 0], 1, 253);
        let first = addresses.take().expect("all are free");
        addresses.give_back(first);
        let others: Vec<_> = (1..253).map(|_| addresses.take().expect("one is free")).collect();
        assert!(!others.contains(&first));
        assert_eq!(addresses.take().expect("the first is free"), first);
        let error = addresses.take().expect_err("all are taken");
        assert_eq!(error.to_string(), "a mesh holds at most 253 pods");
    }

    #[test]
    fn no_address_is_outside_of_the_range() {
        let mut addresses = Addresses::new([10, 213, 7], 2, 4);
        let taken: Vec<String> = (0..3)
            .map(|_| addresses.take().expect("one is free").to_string())
            .collect();
        assert_eq!(taken, ["10.213.7.2", "10.213.7.3", "10.213.7.4"]);
        addresses.take().expect_err("all are taken");
        addresses.give_back(Ipv4Addr::new(10, 213, 7, 2).into());
        assert_eq!(addresses.take().expect("it was given back").to_string(), "10.213.7.2");
    }
}
