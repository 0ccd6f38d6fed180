//! Looks into members of the body.

use std::ops::Range;

use crate::json::Cursor;

/// Where the value of `include_usage` stands in the body; `start` is where `raw` stands.
pub(super) fn include_usage(raw: &str, start: usize) -> Option<Range<usize>> {
    let mut found = None;
    Cursor::new(raw.as_bytes()).object(|cursor, key| {
        if key == b"include_usage" {
            let length = cursor.raw()?.len();
            let end = start + cursor.position();
            found = Some(end - length..end);
            return Some(());
        }
        cursor.skip()
    })?;
    found
}

/// Whether a content block of messages is an image, in any dialect.
pub(super) fn has_image(raw: &str) -> bool {
    let mut found = false;
    if memchr::memmem::find(raw.as_bytes(), b"image").is_none() {
        return false;
    }
    let _walked = Cursor::new(raw.as_bytes()).array(|message| {
        message.object(|cursor, key| match key {
            b"content" => cursor.array(|block| {
                block.object(|cursor, key| match key {
                    b"type" => {
                        found |= is_image(cursor.text()?.raw());
                        Some(())
                    }
                    _ => cursor.skip(),
                })
            }),
            // An input item of the Responses API may be a block itself.
            b"type" => {
                found |= is_image(cursor.text()?.raw());
                Some(())
            }
            _ => cursor.skip(),
        })
    });
    found
}

fn is_image(kind: &[u8]) -> bool {
    matches!(kind, b"image_url" | b"image" | b"input_image")
}
