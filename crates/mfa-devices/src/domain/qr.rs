//! A key URI as a QR code. The picture holds the seed: it is as secret as the text.

use kernel::secret::ExposeSecret;
use kernel::{Error, Result, SecretText};
use qrcode::render::{svg, unicode};
use qrcode::{EcLevel, QrCode};

/// The two renderings of one code.
pub(crate) struct Pictures {
    /// Unicode block characters, two rows of modules a line, light modules drawn: for a terminal, which is dark.
    pub(crate) text: SecretText,
    /// SVG, black on white.
    pub(crate) svg: SecretText,
}

/// Draws a text. Refused when it is too long for a QR code, which no key URI made here is.
pub(crate) fn draw(text: &SecretText) -> Result<Pictures> {
    let code = encode(text.expose_secret())?;
    let on_dark = code
        .render::<unicode::Dense1x2>()
        .dark_color(unicode::Dense1x2::Light)
        .light_color(unicode::Dense1x2::Dark)
        .build();
    let svg = code.render::<svg::Color<'_>>().min_dimensions(256, 256).build();
    Ok(Pictures { text: SecretText::from(on_dark), svg: SecretText::from(svg) })
}

fn encode(text: &str) -> Result<QrCode> {
    // The library's error says only which limit was passed, nothing of the text.
    QrCode::with_error_correction_level(text, EcLevel::M).map_err(|error| Error::internal(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const URI: &str =
        "otpauth://totp/Countersign:0b5f4a3e?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Countersign";
    /// The light border around a code (ISO/IEC 18004): four modules.
    const QUIET_ZONE: usize = 4;

    #[test]
    fn the_text_shows_every_module_of_the_code() {
        let code = encode(URI).unwrap();
        let pictures = draw(&SecretText::from(URI)).unwrap();
        let lines: Vec<Vec<char>> =
            pictures.text.expose_secret().lines().map(|line| line.chars().collect()).collect();
        let colors = code.to_colors();
        let light_at = |x: usize, y: usize| {
            let character = lines[y / 2][x];
            if y.is_multiple_of(2) { "█▀".contains(character) } else { "█▄".contains(character) }
        };
        for y in 0..code.width() {
            for x in 0..code.width() {
                let light = colors[y * code.width() + x] == qrcode::Color::Light;
                assert_eq!(light_at(x + QUIET_ZONE, y + QUIET_ZONE), light, "module {x},{y}");
            }
        }
        assert!((0..code.width() + 2 * QUIET_ZONE).all(|x| light_at(x, 0)), "quiet zone");
    }

    #[test]
    fn the_svg_is_one_document_without_the_text_in_it() {
        let pictures = draw(&SecretText::from(URI)).unwrap();
        let svg = pictures.svg.expose_secret();
        assert!(svg.starts_with("<?xml") && svg.ends_with("</svg>"));
        assert!(!svg.contains("otpauth"));
    }

    #[test]
    fn a_text_that_does_not_fit_is_refused_without_being_shown() {
        let error = draw(&SecretText::from("secret".repeat(1000))).err().unwrap();
        assert!(!format!("{error:?}").contains("secretsecret"));
    }
}
