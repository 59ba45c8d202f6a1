//! The embedded database, called by the SDK's own client as DynamoDB would be.

use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use local::dynamo;
use serde_json::json;

fn s(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

fn table() -> aws_sdk_dynamodb::Client {
    let database = dynamo::memory().unwrap();
    dynamo::create_table(
        &database,
        "switchboard",
        &json!({
            "AttributeDefinitions": [
                {"AttributeName": "pk", "AttributeType": "S"},
                {"AttributeName": "sk", "AttributeType": "S"},
                {"AttributeName": "due_pk", "AttributeType": "S"},
                {"AttributeName": "due_sk", "AttributeType": "S"},
            ],
            "KeySchema": [
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
            "GlobalSecondaryIndexes": [{
                "IndexName": "due",
                "KeySchema": [
                    {"AttributeName": "due_pk", "KeyType": "HASH"},
                    {"AttributeName": "due_sk", "KeyType": "RANGE"},
                ],
                "Projection": {"ProjectionType": "KEYS_ONLY"},
            }],
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": true},
        }),
    )
    .unwrap();
    dynamo::client(&database)
}

#[tokio::test]
async fn a_refused_condition_shows_the_item_that_stood_in_its_way() {
    let client = table();
    let put = || {
        client
            .put_item()
            .table_name("switchboard")
            .item("pk", s("one"))
            .item("sk", s("two"))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
    };
    put().item("text", s("first")).send().await.unwrap();

    let refused = put().item("text", s("second")).send().await.unwrap_err().into_service_error();
    let aws_sdk_dynamodb::operation::put_item::PutItemError::ConditionalCheckFailedException(refused) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(refused.item().unwrap()["text"], s("first"));
}

#[tokio::test]
async fn a_cancelled_transaction_gives_a_reason_for_each_item() {
    let client = table();
    let put = |pk: &str, condition: &str| {
        let put = Put::builder()
            .table_name("switchboard")
            .item("pk", s(pk))
            .item("sk", s("two"))
            .condition_expression(condition);
        TransactWriteItem::builder().put(put.build().unwrap()).build()
    };
    let refused = client
        .transact_write_items()
        .transact_items(put("one", "attribute_not_exists(pk)"))
        .transact_items(put("two", "attribute_exists(pk)"))
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    let aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError::TransactionCanceledException(
        refused,
    ) = refused
    else {
        panic!("{refused:?}");
    };
    let codes: Vec<_> = refused.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or_default()).collect();
    assert_eq!(codes, ["None", "ConditionalCheckFailed"]);
}

#[tokio::test]
async fn a_sparse_index_holds_only_the_items_that_name_its_keys() {
    let client = table();
    let put = |pk: &str| client.put_item().table_name("switchboard").item("pk", s(pk)).item("sk", s("two"));
    put("plain").send().await.unwrap();
    put("late").item("due_pk", s("due#3")).item("due_sk", s("2026")).send().await.unwrap();

    let found = client
        .query()
        .table_name("switchboard")
        .index_name("due")
        .key_condition_expression("due_pk = :shard")
        .expression_attribute_values(":shard", s("due#3"))
        .send()
        .await
        .unwrap();
    let keys: Vec<_> = found.items().iter().map(|item| item["pk"].as_s().unwrap().as_str()).collect();
    assert_eq!(keys, ["late"]);
}

#[tokio::test]
async fn a_table_that_exists_is_left_as_it_is_and_its_file_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table.sqlite");
    let keys = json!({
        "AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    });
    for round in ["first", "second"] {
        let database = dynamo::file(&path).unwrap();
        dynamo::create_table(&database, "switchboard", &keys).unwrap();
        dynamo::client(&database).put_item().table_name("switchboard").item("pk", s(round)).send().await.unwrap();
    }
    let client = dynamo::client(&dynamo::file(&path).unwrap());
    assert_eq!(client.scan().table_name("switchboard").send().await.unwrap().count(), 2);
}
