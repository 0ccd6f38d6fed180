//! Files: what was uploaded is listed, given back byte by byte, and deleted.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;
use http::{HeaderValue, Method, StatusCode, header};

use super::{Answer, Request};
use crate::log::body_hash;
use crate::ordered::{Json, object};
use crate::reading::{Api, Field, fields};
use crate::scenario::CREATED_DEFAULT;

/// Everything uploaded so far.
#[derive(Debug, Default)]
pub(crate) struct Shelf(Mutex<Vec<Stored>>);

#[derive(Debug)]
struct Stored {
    id: String,
    name: String,
    purpose: String,
    content: Bytes,
}

// === impl Shelf ===

impl Shelf {
    /// The request's method is one that its path takes.
    pub(super) fn answer(&self, request: &Request<'_>) -> Answer {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if request.target.api == Api::Files {
            if *request.method == Method::GET {
                let data: Vec<Json> = files.iter().map(Stored::json).collect();
                return json(&object! { "object" => "list", "data" => data, "has_more" => false });
            }
            let Some(stored) = Stored::read(request) else {
                return request.refusal(StatusCode::BAD_REQUEST, Some("'file' is required"));
            };
            let answer = json(&stored.json());
            files.push(stored);
            return answer;
        }
        let at = files.iter().position(|file| Some(&file.id) == request.target.id.as_ref());
        let Some(file) = at.and_then(|at| files.get(at)) else {
            return request.refusal(StatusCode::NOT_FOUND, Some("No such File object"));
        };
        if request.target.api == Api::FileContent {
            let mut answer = Answer::plain(StatusCode::OK, file.content.clone());
            let binary = HeaderValue::from_static("application/octet-stream");
            answer.headers.insert(header::CONTENT_TYPE, binary);
            return answer;
        }
        if *request.method == Method::GET {
            return json(&file.json());
        }
        let answer = json(&object! { "id" => &*file.id, "object" => "file", "deleted" => true });
        if let Some(at) = at {
            files.remove(at);
        }
        answer
    }
}

fn json(body: &Json) -> Answer {
    Answer::plain(StatusCode::OK, Bytes::from(body.text()))
}

// === impl Stored ===

impl Stored {
    fn read(request: &Request<'_>) -> Option<Self> {
        let fields = fields(request.headers, request.body)?;
        let file = fields.iter().find(|field| field.name == "file")?;
        let purpose = fields.iter().find(|field| field.name == "purpose");
        let text = |field: &Field<'_>| String::from_utf8_lossy(field.content).into_owned();
        Some(Self {
            id: format!("file-{:016x}", body_hash(file.content)),
            name: file.file_name.clone()?,
            purpose: purpose.map(text).unwrap_or_default(),
            content: request.body.slice_ref(file.content),
        })
    }

    fn json(&self) -> Json {
        object! {
            "id" => &*self.id,
            "object" => "file",
            "bytes" => self.content.len(),
            "created_at" => CREATED_DEFAULT,
            "filename" => &*self.name,
            "purpose" => &*self.purpose,
        }
    }
}
