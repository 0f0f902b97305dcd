//! Notices that the chemistry's origins ask to be shipped.

/// A notice to show with the program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Notice {
    /// Whose work it is, and what it is used for.
    pub title: &'static str,
    /// The licence as its owners wrote it.
    pub text: &'static str,
}

/// Licences of the work that this module stands on, for the about window.
pub const NOTICES: [Notice; 3] = [
    Notice {
        title: "RDKit (algorithms of the chematic toolkit): BSD 3-Clause",
        text: include_str!("../../assets/notices/rdkit.txt"),
    },
    Notice {
        title: "InChI, the InChI Trust's library: MIT",
        text: include_str!("../../assets/notices/inchi.txt"),
    },
    Notice {
        title: "Ubuntu font, in pictures of structures: Ubuntu Font Licence 1.0",
        text: include_str!("../../assets/notices/ubuntu-font.txt"),
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_notices_are_in_the_program_whole() {
        for (notice, holder, end) in [
            (NOTICES[0], "Greg Landrum", "POSSIBILITY OF SUCH DAMAGE."),
            (NOTICES[1], "InChI Project", "SOFTWARE."),
            (NOTICES[2], "UBUNTU FONT LICENCE", "DEALINGS IN THE FONT SOFTWARE."),
        ] {
            assert!(notice.text.contains(holder), "{}", notice.title);
            assert!(notice.text.trim_end().ends_with(end), "{}", notice.title);
        }
    }
}
