//! The upload of the pages and of their `config.json`.

use std::path::Path;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Map, Value};

use crate::{
    pages::{Demo, Page},
    stack::{Cloud, Stack, StackError},
};

/// Files uploaded at the same time.
const MAX_CONCURRENT_FILES: usize = 8;

/// The most uploaded files that are named.
const MAX_NAMES: usize = 8;

/// The outcome of an upload.
#[derive(Default)]
pub(super) struct Upload {
    uploaded: Vec<String>,
    unchanged: usize,
}

/// Uploads the files of `web/` that the bucket lacks or has otherwise: scripts and styles, then the documents that load
/// them. Deletes nothing.
pub(super) async fn upload(cloud: &Cloud, bucket: &str) -> Result<Upload, StackError> {
    let is_document = |page: &Page| Path::new(&page.name).extension().is_some_and(|extension| extension == "html");
    let (documents, parts): (Vec<Page>, Vec<Page>) = Page::all().partition(is_document);
    let mut upload = Upload::default();
    for pages in [parts, documents] {
        let puts = pages.into_iter().map(async |page| {
            let is_uploaded = cloud.put_page_if_changed(bucket, &page).await?;
            Ok::<_, StackError>((page.name, is_uploaded))
        });
        let puts: Vec<_> = stream::iter(puts).buffered(MAX_CONCURRENT_FILES).try_collect().await?;
        for (name, is_uploaded) in puts {
            upload.add(name, is_uploaded);
        }
    }
    Ok(upload)
}

/// The stack's own part of `config.json`.
pub(super) struct Config(Map<String, Value>);

impl Config {
    pub(super) fn of(stack: &Stack) -> Result<Self, StackError> {
        const OUTPUT: &str = "PagesConfig";
        let bad = |_| StackError::BadOutput { stack: stack.name.clone(), output: OUTPUT };
        serde_json::from_str(stack.output(OUTPUT)?).map(Self).map_err(bad)
    }

    /// The file, with the chatbot of the demo page.
    pub(super) fn page(mut self, demo: Option<&Demo>) -> Page {
        if let Some(demo) = demo {
            self.0.insert("demo".to_owned(), demo.config());
        }
        Page { name: Page::CONFIG.to_owned(), content: Value::Object(self.0).to_string().into_bytes() }
    }
}

impl Upload {
    pub(super) fn add(&mut self, name: String, is_uploaded: bool) {
        if is_uploaded {
            self.uploaded.push(name);
        } else {
            self.unchanged += 1;
        }
    }

    pub(super) fn report(&self, stack: &str, region: &str, url: &str) -> String {
        let files = |count: usize| if count == 1 { "1 file".to_owned() } else { format!("{count} files") };
        let (uploaded, unchanged) = (self.uploaded.len(), files(self.unchanged));
        let did = match uploaded {
            0 => format!("nothing uploaded, {unchanged} unchanged"),
            1..=MAX_NAMES => format!("{} uploaded, {unchanged} unchanged", self.uploaded.join(", ")),
            _ => format!("{} uploaded, {unchanged} unchanged", files(uploaded)),
        };
        format!("Stack {stack} in {region}: pages at {url}, {did}.")
    }
}
