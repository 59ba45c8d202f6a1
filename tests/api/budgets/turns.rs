//! Turns and tokens: a person takes over where the bot may not go on.

use std::time::Duration;

use futures::{StreamExt, future::join_all, stream};
use local::{Options, standin::Failure};
use serde_json::{Value, json};
use shared::domain::budget::{Budget, BudgetAccount, BudgetSettings, Use};

use super::{Stopped, exceeded, for_customers, limits_of, reason, stage_with};
use tests::{counters::counters, openai::brisk, stage::Stage, visitors::SHOP};

/// The customer's turns and tokens that are counted.
async fn counted(stage: &Stage) -> (i64, i64) {
    counters(&stage.board.table(), "acme#CUSTOMER#cus").await
}

/// The tokens of all replies in the thread.
async fn used(stage: &Stage, thread: &str) -> i64 {
    let usage = stage.admin().reads(thread).await["usage"].clone();
    usage["input"].as_i64().unwrap() + usage["output"].as_i64().unwrap()
}

/// Asks in this many new threads at once; returns the answers.
async fn asks_in_threads(stage: &Stage, chatbot: &str, count: usize) -> Vec<Value> {
    let customer = stage.customer();
    let threads = join_all((0..count).map(|_| stage.thread_of(&customer, chatbot))).await;
    join_all(threads.iter().map(async |thread| customer.says(thread, "What is new?").await.body)).await
}

#[tokio::test]
async fn of_64_turns_at_once_exactly_those_that_have_room_are_answered_and_all_others_go_to_a_person() {
    let (stage, _) = stage_with(for_customers(&[(Budget::TurnsPerDay, 10)])).await;
    let chatbot = stage.chatbot().await;
    let answers = asks_in_threads(&stage, &chatbot, 64).await;
    let answered = answers.iter().filter(|answer| answer["reply"].is_object()).count();
    let handed_over = answers.iter().filter(|answer| reason(&answer["thread"]) == "budget").count();
    assert_eq!((answered, handed_over, stage.asked().len()), (10, 54, 10));
}

#[tokio::test]
async fn a_turn_without_room_is_handed_over_with_words_for_the_customer_and_a_note_for_the_agent() {
    let (stage, stopped) = stage_with(for_customers(&[(Budget::TurnsPerMinute, 2)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for _ in 0..2 {
        customer.says(&thread, "Hello").await.expect(200);
    }
    let answer = customer.says(&thread, "And?").await.expect(202);
    assert_eq!(reason(&answer.body["thread"]), "budget");
    let last = customer.log(&thread).await.pop().unwrap();
    assert_eq!(last["event"], json!({ "type": "escalated", "reason": "budget" }));
    assert_eq!(last["text"], "I have answered as much as I may for now. A person will take over.");
    let page = stage.agent().get(&format!("/threads/{thread}/messages")).await.expect(200).body;
    let note = "The bot did not answer: the limit customer.turns_per_minute (2) is used up.";
    assert_eq!(page["notes"][0]["text"], note);

    // The next minute has room again, for a thread that the bot holds.
    stopped.advance(Duration::from_mins(1));
    stage.admin().releases(&thread, "bot").await.expect(200);
    stage.board.invocations().finished().await;
    assert_eq!(customer.log(&thread).await.pop().unwrap()["role"], "bot");
}

#[tokio::test]
async fn a_message_that_waits_for_the_bot_is_counted_when_it_is_answered() {
    let (stage, _) = stage_with(for_customers(&[(Budget::TurnsPerDay, 1)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    customer.escalates(&thread).await.expect(200);
    customer.says(&thread, "Anybody?").await.expect(202);
    stage.admin().releases(&thread, "bot").await.expect(200);
    stage.board.invocations().finished().await;
    assert_eq!(reason(&customer.reads(&thread).await), "budget");
    assert_eq!(stage.asked().len(), 1);
}

#[tokio::test]
async fn the_second_turn_of_a_run_is_counted_too() {
    let (stage, _) = stage_with(for_customers(&[(Budget::TurnsPerDay, 1)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    let (first, ()) = tokio::join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        customer.says(&thread, "One more thing").await.expect(202);
        hold.release();
    });
    assert!(first.expect(200).body["reply"].is_object());
    assert_eq!(customer.transcript(&thread).await.last().unwrap(), "[escalated]");
    assert_eq!((reason(&customer.reads(&thread).await), stage.asked().len()), ("budget", 1));
}

#[tokio::test]
async fn tokens_are_reserved_before_the_model_is_asked_and_settled_to_those_that_it_took() {
    // A turn reserves a quarter of so small a limit; one of the stand-in's takes far less.
    let (stage, stopped) = stage_with(for_customers(&[(Budget::TokensPerDay, 8_000)])).await;
    let (customer, chatbot) = (stage.customer(), stage.chatbot().await);
    let threads = join_all((0..5).map(|_| stage.thread_of(&customer, &chatbot))).await;
    let says = async |thread: &String| customer.says(thread, "What is new?").await.body;
    let (store, account) = (stage.store(), BudgetAccount::Customer("cus".into()));
    let others = [Use { budget: Budget::TokensPerDay, amount: 5_000, limit: 8_000 }];
    let hold = stage.hold();
    let (first, late) = tokio::join!(says(&threads[0]), async {
        hold.begun().await;
        store.budget_use("acme", &account, &others, stopped.now(), false).await.unwrap().unwrap();
        let late = says(&threads[1]).await;
        store.budget_settle("acme", &account, -5_000, stopped.now()).await.unwrap();
        hold.release();
        late
    });
    assert!(first["reply"].is_object(), "{first}");
    assert_eq!(reason(&late["thread"]), "budget");
    // Once it is settled there is room for others.
    let answers = join_all(threads[2..].iter().map(says)).await;
    assert!(answers.iter().all(|answer| answer["reply"].is_object()), "{answers:?}");
}

/// A process that dies leaves a turn's reservation, the run that takes over goes on with it, and one that thaws later
/// settles nothing.
#[tokio::test]
async fn a_run_that_takes_over_goes_on_with_the_reservation_of_the_dead_one() {
    let limits = [(Budget::TurnsPerDay, 2), (Budget::TokensPerDay, 8_000)];
    let (stage, stopped) = stage_with(for_customers(&limits)).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let frozen = stage.hold();
    tokio::join!(customer.says(&thread, "Hello"), async {
        frozen.begun().await;
        assert_eq!(counted(&stage).await, (1, 2_000));
        stopped.advance(Duration::from_secs(31));
        stage.sweeps().await;
        assert_eq!(customer.log(&thread).await.pop().unwrap()["role"], "bot");
        frozen.release();
    });
    assert_eq!(stage.asked().len(), 2);
    let used = used(&stage, &thread).await;
    assert_eq!(counted(&stage).await, (1, 2_000), "the thread holds what the turn did not take");
    stopped.advance(Duration::from_mins(10));
    stage.sweeps().await;
    assert_eq!(counted(&stage).await, (1, used));
}

/// The tenant's tokens that are counted, without those that the functions have counted ahead.
async fn counted_for_tenant(stage: &Stage, stopped: &Stopped) -> i64 {
    let counted = counters(&stage.board.table(), "acme#TENANT").await.1;
    counted - stage.board.app().budgets.tokens_ahead("acme", stopped.now())
}

/// A process has counted tokens ahead and names them in the thread: they are settled once, by whoever thaws, repeats or
/// takes over.
#[tokio::test]
async fn the_tenants_share_of_a_turn_is_settled_once() {
    let tenant = limits_of(&[(Budget::TokensPerDay, 8_000_000)]);
    let (stage, stopped) = stage_with(BudgetSettings { tenant, ..BudgetSettings::OFF }).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    customer.says(&thread, "Hello").await.expect(200);
    assert_eq!(counted_for_tenant(&stage, &stopped).await, used(&stage, &thread).await);
    let frozen = stage.hold();
    tokio::join!(customer.says_as(&thread, "m", "And?"), async {
        frozen.begun().await;
        stopped.advance(Duration::from_secs(31));
        for _ in 0..3 {
            customer.says_as(&thread, "m", "And?").await;
        }
        stage.sweeps().await;
        assert_eq!(customer.log(&thread).await.pop().unwrap()["role"], "bot");
        frozen.release();
    });
    assert_eq!(counted_for_tenant(&stage, &stopped).await, used(&stage, &thread).await);

    // The sweep gives it back where nobody goes on with it.
    let frozen = stage.hold();
    tokio::join!(customer.says(&thread, "And now?"), async {
        frozen.begun().await;
        stage.agent().claims(&thread).await.expect(200);
        stopped.advance(Duration::from_mins(21));
        // First the agent's time is over.
        stage.sweeps().await;
        stage.sweeps().await;
        assert_eq!(counted_for_tenant(&stage, &stopped).await, used(&stage, &thread).await);
        frozen.release();
    });
    assert_eq!(counted_for_tenant(&stage, &stopped).await, used(&stage, &thread).await);
}

/// A claim takes the line from a run whose process has died: nobody goes on with its turn.
#[tokio::test]
async fn the_sweep_gives_back_what_a_lost_and_dead_run_had_reserved() {
    let (stage, stopped) = stage_with(for_customers(&[(Budget::TokensPerDay, 8_000)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let frozen = stage.hold();
    let asked = customer.clone();
    let asking = {
        let thread = thread.clone();
        tokio::spawn(async move { asked.says(&thread, "Hello").await })
    };
    frozen.begun().await;
    stage.agent().claims(&thread).await.expect(200);
    for (minutes, tokens) in [(10, 2_000), (9, 2_000), (1, 0)] {
        stopped.advance(Duration::from_mins(minutes));
        stage.sweeps().await;
        assert_eq!(counted(&stage).await.1, tokens, "after {minutes} minutes more");
    }
    frozen.release();
    asking.await.unwrap();
    assert_eq!(counted(&stage).await.1, 0);
}

#[tokio::test]
async fn a_thread_that_counts_ahead_has_exactly_as_many_turns_as_its_limit() {
    let limits = [(Budget::TurnsPerMinute, 11), (Budget::TurnsPerDay, 200), (Budget::MessagesPerMinute, 14)];
    let (stage, _) = stage_with(for_customers(&limits)).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    for turn in 0..12 {
        let answer = customer.says(&thread, "And?").await;
        assert_eq!(answer.body["reply"].is_object(), turn < 11, "turn {turn}: {}", answer.body);
    }
    // Two of fourteen messages are left, whatever the thread had counted ahead.
    customer.says(&thread, "Anybody?").await.expect(202);
    customer.says(&thread, "Hello?").await.expect(202);
    assert_eq!(exceeded(customer.says(&thread, "Hello?").await), "customer.messages_per_minute");
    assert_eq!(counted(&stage).await.0, 11, "the hand-over gave back what was counted ahead");
}

/// A message to a person, one that joins a run, and a repeat.
#[tokio::test]
async fn messages_that_no_model_is_asked_for_leave_no_turn_counted() {
    let limits = [(Budget::TurnsPerMinute, 2), (Budget::TurnsPerDay, 2), (Budget::TokensPerDay, 8_000)];
    let (stage, _) = stage_with(for_customers(&limits)).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    tokio::join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        customer.says(&thread, "Are you there?").await.expect(202);
        assert_eq!(counted(&stage).await, (1, 2_000));
        stage.agent().claims(&thread).await.expect(200);
        hold.release();
    });
    for said in ["One", "Two", "Three"] {
        customer.says_as(&thread, said, said).await.expect(202);
        customer.says_as(&thread, said, said).await.expect(202);
    }
    assert_eq!(counted(&stage).await.0, 1, "the first message's turn stays counted");
}

/// An answer that a person's claim takes the line from is paid for all the same.
#[tokio::test]
async fn the_tokens_of_a_discarded_answer_are_settled() {
    let (stage, _) = stage_with(for_customers(&[(Budget::TokensPerDay, 8_000)])).await;
    let (customer, thread) = (stage.customer(), stage.thread().await);
    let hold = stage.hold();
    tokio::join!(customer.says(&thread, "Hello"), async {
        hold.begun().await;
        stage.agent().claims(&thread).await.expect(200);
        hold.release();
    });
    let (_, tokens) = counted(&stage).await;
    assert!((1..500).contains(&tokens), "{tokens}");
}

#[tokio::test]
async fn a_chatbots_own_limit_comes_before_the_deployments_and_a_tenants_counts_for_all_its_chatbots() {
    let limits = limits_of(&[(Budget::TurnsPerDay, 5)]);
    let budgets = BudgetSettings { chatbot: limits, tenant: limits, ..BudgetSettings::OFF };
    let (stage, _) = stage_with(budgets).await;
    let own = stage.chatbot_with(json!({ "limits": { "turns_per_day": 2 } })).await;
    let answered = |answers: &[Value]| answers.iter().filter(|answer| answer["reply"].is_object()).count();
    assert_eq!(answered(&asks_in_threads(&stage, &own, 8).await), 2);
    let other = stage.chatbot().await;
    let answers = asks_in_threads(&stage, &other, 8).await;
    assert_eq!((answered(&answers), stage.asked().len()), (3, 5), "{answers:?}");

    let read = stage.admin().get(&format!("/chatbots/{own}")).await.expect(200).body;
    assert_eq!(read["limits"], json!({ "turns_per_day": 2 }));
    let wrong = stage.admin().patch(&format!("/chatbots/{own}"), json!({ "limits": { "turns": 2 } })).await;
    assert!(wrong.invalid().starts_with("limits.turns"));
    stage.admin().patch(&format!("/chatbots/{own}"), json!({ "limits": {} })).await.expect(200);
    assert!(stage.admin().get(&format!("/chatbots/{own}")).await.expect(200).body.get("limits").is_none());
}

#[tokio::test]
async fn calls_beyond_the_limit_of_a_turn_are_told_so_and_not_executed() {
    let budgets = BudgetSettings { tool_calls_per_turn: 1, ..BudgetSettings::OFF };
    let (stage, _) = stage_with(budgets).await;
    let lookup = json!({ "name": "lookup", "parameters": { "type": "object", "properties": {} } });
    let chatbot = stage.chatbot_with(json!({ "tools": [lookup] })).await;
    let (customer, call) = (stage.customer(), Failure::Call { name: "lookup".into(), arguments: "{}".into() });
    let thread = stage.thread_of(&customer, &chatbot).await;
    stage.responses(call, 2);
    customer.says(&thread, "Look it up twice").await.expect(200);
    let outputs: Vec<Value> = stage.asked()[1..]
        .iter()
        .map(|asked| serde_json::from_str(asked["input"][0]["output"].as_str().unwrap()).unwrap())
        .collect();
    assert_eq!(outputs[0]["error"], "the function lookup cannot be called here");
    assert_eq!(outputs[1]["error"], "the function lookup was not called: a turn may make at most 1 calls");
}

#[tokio::test]
async fn a_reply_has_the_deployments_limit_of_tokens_unless_the_chatbot_has_its_own() {
    let budgets = BudgetSettings { max_output_tokens: 500, ..BudgetSettings::OFF };
    let (stage, _) = stage_with(budgets).await;
    let customer = stage.customer();
    for fields in [json!({}), json!({ "max_output_tokens": 900 })] {
        let chatbot = stage.chatbot_with(fields).await;
        let thread = stage.thread_of(&customer, &chatbot).await;
        customer.says(&thread, "Hello").await.expect(200);
    }
    let limits: Vec<Value> = stage.asked().iter().map(|asked| asked["max_output_tokens"].clone()).collect();
    assert_eq!(limits, [500, 900]);
}

/// One visitor as fast as the machine allows: the model is asked as often as the budget allows, everything else is a
/// person or a 429.
#[tokio::test]
async fn an_anonymous_flood_costs_no_more_than_a_visitors_budget() {
    let stage = Stage::with(Options { budgets: BudgetSettings::default(), ..brisk() }).await;
    let chatbot = stage.public_chatbot().await;
    let visitor = stage.visitor(&stage.anon().visits(&chatbot).await.expect(201));
    let threads: Vec<_> = stream::iter(0..40)
        .map(|_| visitor.posts_on(SHOP, "/threads", json!({ "chatbot_id": chatbot })))
        .buffer_unordered(8)
        .collect()
        .await;
    let (mut created, mut refused) = (Vec::new(), 0);
    for answer in threads {
        if answer.status == 201 {
            created.push(answer.id());
        } else {
            assert_eq!(exceeded(answer), "visitor.threads_per_hour");
            refused += 1;
        }
    }
    // A new hour may begin meanwhile.
    assert!((12..=24).contains(&created.len()), "{} threads", created.len());
    let answers: Vec<_> = stream::iter(0..600)
        .map(async |i: usize| {
            let path = format!("/threads/{}/chat", created[i % created.len()]);
            visitor.posts_on(SHOP, &path, json!({ "text": "Hi" })).await
        })
        .buffer_unordered(16)
        .collect()
        .await;
    let (mut people, mut busy) = (0, 0);
    for answer in answers {
        match answer.status {
            200 | 202 => people += usize::from(answer.body["thread"]["status"] == "queued"),
            _ => {
                assert_eq!(exceeded(answer), "visitor.messages_per_minute");
                busy += 1;
            }
        }
    }
    let asked = stage.asked().len();
    println!(
        "600 messages of one visitor: {asked} model calls, {people} to a person, {busy} refused; {refused} threads"
    );
    assert!((1..=30).contains(&asked), "{asked} model calls");
    assert!(busy > 500, "{busy} refused");
}
