//! A new stack on the restored table of a deleted one.

use tests::lists::items;

use super::{Cloud, first::TITLE};

#[tokio::test]
async fn threads_of_the_deleted_stack_go_on() {
    let cloud = Cloud::get();
    let customer = cloud.customer();
    let pages = customer.pages("/threads?limit=20").await;
    let threads = items(&pages, "data");
    let earlier = threads.iter().find(|thread| thread["title"] == TITLE).expect("the thread is still there");
    let id = earlier["id"].as_str().unwrap();
    assert!(customer.transcript(id).await.len() >= 6);
    assert!(!customer.says(id, "Are you back?").await.expect(200).reply().is_empty());
}
