//! Paginated lists, read page by page as a client reads them.

use serde_json::Value;

use crate::persona::Persona;

/// Maximum number of pages, more than any list in the tests has: a list that never ends is a failure.
const MAX_PAGES: usize = 100;

impl Persona {
    /// All pages of the list at `path`, which must already have a query string.
    pub async fn pages(&self, path: &str) -> Vec<Value> {
        let mut pages: Vec<Value> = Vec::new();
        let mut next = path.to_owned();
        while pages.len() < MAX_PAGES {
            let page = self.get(&next).await.expect(200).body;
            let cursor = page["next_cursor"].as_str().map(str::to_owned);
            pages.push(page);
            let Some(cursor) = cursor else { return pages };
            let (bare, query) = path.split_once('?').unwrap();
            // The cursor replaces `after` and `before`.
            let kept = query.split('&').filter(|it| !it.starts_with("after=") && !it.starts_with("before="));
            next = format!("{bare}?{}&cursor={cursor}", kept.collect::<Vec<_>>().join("&"));
        }
        panic!("the list {path} does not end");
    }
}

/// The items of all pages in the array of this name, in the order received.
pub fn items<'a>(pages: &'a [Value], name: &str) -> Vec<&'a Value> {
    pages.iter().flat_map(|page| page[name].as_array().unwrap()).collect()
}

/// This field of all items of all pages, as text.
pub fn field<'a>(pages: &'a [Value], name: &str) -> Vec<&'a str> {
    items(pages, "data").into_iter().map(|item| item[name].as_str().unwrap()).collect()
}

/// The same texts, sorted.
pub fn sorted<T: AsRef<str>>(texts: &[T]) -> Vec<&str> {
    let mut sorted: Vec<&str> = texts.iter().map(AsRef::as_ref).collect();
    sorted.sort_unstable();
    sorted
}
