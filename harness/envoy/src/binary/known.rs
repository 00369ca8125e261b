//! The hashes of released binaries: of Envoy itself, as it lies in the package of `release.rs`.

use super::{Platform, Version};

use Platform::{LinuxAarch64, LinuxX86_64, MacosArm64};

/// The hashes that are known, and of which version each is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownHashes(Vec<(Version, String)>);

impl KnownHashes {
    /// Those of the releases that can be fetched, for this platform; for none, where it is none of theirs.
    pub fn releases(platform: Option<Platform>) -> Self {
        let of_it = RELEASED.iter().filter(|(_, of, _)| Some(*of) == platform);
        Self(
            of_it
                .map(|(version, _, hash)| (version.clone(), (*hash).to_owned()))
                .collect(),
        )
    }

    /// These, and one more.
    #[must_use]
    pub fn and(mut self, version: Version, sha256: impl Into<String>) -> Self {
        self.0.push((version, sha256.into()));
        self
    }

    /// The version whose binary has this hash.
    pub fn version_of(&self, sha256: &str) -> Option<&Version> {
        self.0
            .iter()
            .find(|(_, hash)| hash == sha256)
            .map(|(version, _)| version)
    }

    /// Whether it is the hash of this version.
    pub(super) fn has(&self, version: &Version, sha256: &str) -> bool {
        self.0.iter().any(|(of, hash)| of == version && hash == sha256)
    }
}

static RELEASED: &[(Version, Platform, &str)] = &[
    (
        Version::new(1, 36, 2),
        LinuxX86_64,
        "afd67bcfea548525ee76a9350a0a4cfeb2ac24c7b532794ce332d840ad8cdae7",
    ),
    (
        Version::new(1, 36, 2),
        LinuxAarch64,
        "af736bb6653cce9c52b2f3b092a3602ac21a60ac675698d060dc4d82837c05ca",
    ),
    (
        Version::new(1, 36, 2),
        MacosArm64,
        "b1f69928747e65c2c6ef9dd98216e219461cb8b2543da2cf7f88b70d4bea1cec",
    ),
    (
        Version::new(1, 36, 3),
        LinuxX86_64,
        "6dcacec73f0ff18d2f68f605f9f041cd0e1c4d30d3c38977058cd923daa2dea6",
    ),
    (
        Version::new(1, 36, 3),
        LinuxAarch64,
        "fd8853c7e9929f6a4459928175c18aa7941b56b43fe07e0ade3beaf59b8a7a21",
    ),
    (
        Version::new(1, 36, 3),
        MacosArm64,
        "4147146b76b0a25a415af295eab4ce4bf3f5a088d7b82fb3e6192d0949de72f4",
    ),
    (
        Version::new(1, 36, 4),
        LinuxX86_64,
        "5a398095d8c1dd363ecc10b6b9dbd82154a8fbb5eb15510d5fb7cbdb9d0b0e59",
    ),
    (
        Version::new(1, 36, 4),
        LinuxAarch64,
        "45551e3ba31b2368fb80cf4c124b21857c54e0e81aee3b708ebd7b0ba3f755b1",
    ),
    (
        Version::new(1, 36, 4),
        MacosArm64,
        "754c667e5c81a60d90ecdf0e2ea503263504281074ea4cad704a79423030631d",
    ),
    (
        Version::new(1, 37, 0),
        LinuxX86_64,
        "a05a7120b8de49d23ef8ee95419f460d715791920e6f447b904cb898bce4ab6a",
    ),
    (
        Version::new(1, 37, 0),
        LinuxAarch64,
        "31df9abc5e3b08a6f0d32692550ab00472f1d8ea23f82638001c7959af78224b",
    ),
    (
        Version::new(1, 37, 0),
        MacosArm64,
        "bb9698e3c1ba45db800fa5d9d818df8fe72e396ad56452078fd64db2364e870e",
    ),
    (
        Version::new(1, 38, 2),
        LinuxX86_64,
        "87744a1fc998d677078c9703113a192d0830badc6888662441632847fcb38899",
    ),
    (
        Version::new(1, 38, 2),
        LinuxAarch64,
        "9c715d0eed8aaf3a99830ee0970bc3b5ebc7d4221bbc1e2f3ff7210561da9d7d",
    ),
    (
        Version::new(1, 38, 2),
        MacosArm64,
        "516a1e5b01007f6915f6facb9bc886dad2071dd237bc3d4f9fd0f64b3ced06f2",
    ),
    (
        Version::new(1, 38, 3),
        LinuxX86_64,
        "a9a8a174b50ec2606dc6f73b31f7602e0de2a73dbc090141c31460f5613d179d",
    ),
    (
        Version::new(1, 38, 3),
        LinuxAarch64,
        "da1d24686a680e9e3228f97496e947d940e510a5d6d271548b2ab26a8a69e793",
    ),
    (
        Version::new(1, 38, 3),
        MacosArm64,
        "87d3346dee87289eb1ed783dafabbfd2ff06575b3f970e2313bd412e09fb7c68",
    ),
    (
        Version::new(1, 39, 0),
        LinuxX86_64,
        "7af83300cd615004f8b8fe58954705014c92754c5b68a1edf0dba1f3e9cc9920",
    ),
    (
        Version::new(1, 39, 0),
        LinuxAarch64,
        "a43896d5f443feb2cca4c96122fea2a2ee01d24804c0c1900c83718f2d26b0ef",
    ),
    (
        Version::new(1, 39, 0),
        MacosArm64,
        "4a19572b6ac15a4dae90a523400d9cc13ae26431a2e547ba3caaf129c8bb351b",
    ),
    (
        Version::new(1, 39, 1),
        LinuxX86_64,
        "002c6e1c69ed0fa0ea381887247cadadfaec9481375fa8d8d2b1731eeabf40b8",
    ),
    (
        Version::new(1, 39, 1),
        LinuxAarch64,
        "8565ad0af4b1d1d3c986e5165c027add3073579182f398dd7f4d728d25e9ec62",
    ),
    (
        Version::new(1, 39, 1),
        MacosArm64,
        "f9d69766f7ab8fcd022ec59601e6dc0ff7611ec2a38adbb37ce8830ad26f23d6",
    ),
    (
        Version::new(1, 39, 3),
        LinuxX86_64,
        "f61653fb5f7645129d3092a82f21ce3e6f70d0a75fe2e861b0e7417790f2c200",
    ),
    (
        Version::new(1, 39, 3),
        LinuxAarch64,
        "02ba9588283be771c9743cae6d013e45714cda2ca970be968a5a9f4db25ea446",
    ),
    (
        Version::new(1, 39, 3),
        MacosArm64,
        "69c73a341833a6e7670533492ed88659650db04a959e74260a5b836442ea86e4",
    ),
    (
        Version::new(1, 40, 0),
        LinuxX86_64,
        "8aa137a7d00994ce43f613556f5a120709229f63bedb86eedde5ccbc402c2b80",
    ),
    (
        Version::new(1, 40, 0),
        LinuxAarch64,
        "03cacc952561635c0b7d2a829291f341dadbebc32050475efbe7321b1bbe18c2",
    ),
    (
        Version::new(1, 40, 0),
        MacosArm64,
        "1a03e0e6c6cdd723787baac24fc069874a455b566c43aee491caf94d87f76110",
    ),
];

#[cfg(test)]
mod tests {
    use super::super::release;
    use super::*;

    #[test]
    fn each_release_has_a_hash_for_each_platform() {
        for platform in [LinuxX86_64, LinuxAarch64, MacosArm64] {
            let known = KnownHashes::releases(Some(platform));
            let versions: Vec<Version> = known.0.iter().map(|(version, _)| version.clone()).collect();
            assert_eq!(versions, release::known_versions().collect::<Vec<_>>(), "{platform:?}");
            for (version, hash) in &known.0 {
                assert_eq!(hash.len(), 64, "{version}");
                assert_eq!(known.version_of(hash), Some(version));
            }
        }
    }
}
