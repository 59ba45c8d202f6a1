//! The accounts of a process, and a turn's shares of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::account::Account;
use crate::domain::{
    At,
    budget::{Budget, BudgetAccount, BudgetSettings, Exceeded, Limits, SharedTokens},
};

/// The number of accounts that a process keeps. Beyond it those of earlier days and minutes are dropped, and else all:
/// what they had counted ahead stays counted.
const MAX_ACCOUNTS: usize = 4_096;

/// The accounts of a process. Clones share them.
#[derive(Clone)]
pub struct Budgets {
    pub settings: BudgetSettings,
    accounts: Accounts,
}

#[derive(Clone, Default)]
pub(super) struct Accounts(Arc<Mutex<HashMap<AccountId, Account>>>);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct AccountId {
    pub(super) tenant: String,
    pub(super) account: BudgetAccount,
}

/// A turn's shares of the accounts of its chatbot and its tenant. They stay counted unless
/// [`App::put_back`](crate::App::put_back) says that there is no turn, or [`App::settle`](crate::App::settle) what it
/// took.
#[derive(Default)]
pub struct Shares {
    pub(super) parts: Vec<Part>,
    /// A dead run has reserved them: they are not this process' to put back.
    pub(super) is_inherited: bool,
}

/// The share of one account.
pub(super) struct Part {
    pub(super) id: AccountId,
    pub(super) limits: Limits,
    /// 0 where nothing limits them.
    pub(super) tokens: u64,
    pub(super) at: At,
}

/// The shares of a turn, or the budget that has no room for it.
pub type TurnBudget = Result<Shares, Exceeded>;

impl AccountId {
    pub(super) fn of_customer(tenant: &str, customer: &str) -> Self {
        Self { tenant: tenant.to_owned(), account: BudgetAccount::Customer(customer.to_owned()) }
    }
}

impl Budgets {
    pub fn new(settings: BudgetSettings) -> Self {
        Self { settings, accounts: Accounts::default() }
    }

    /// Changes an account as of `now`.
    pub(super) fn with<T>(&self, id: &AccountId, now: At, change: impl FnOnce(&mut Account) -> T) -> T {
        self.accounts.with(id, now, change)
    }

    /// The tokens of a tenant that this process has counted ahead.
    pub fn tokens_ahead(&self, tenant: &str, now: At) -> i64 {
        let id = AccountId { tenant: tenant.to_owned(), account: BudgetAccount::Tenant };
        self.with(&id, now, |account| account.tokens_ahead())
    }

    /// True where the messages of this minute are used up, as far as this process knows.
    pub(super) fn is_full(&self, id: &AccountId, now: At) -> bool {
        self.accounts.lock().get(id).is_some_and(|account| account.is_full() && account.is_current(now))
    }
}

impl Accounts {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Account>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes an account as of `now`.
    fn with<T>(&self, id: &AccountId, now: At, change: impl FnOnce(&mut Account) -> T) -> T {
        let mut accounts = self.lock();
        if accounts.len() >= MAX_ACCOUNTS && !accounts.contains_key(id) {
            accounts.retain(|_, account| account.is_current(now));
            if accounts.len() >= MAX_ACCOUNTS {
                accounts.clear();
            }
        }
        let account = accounts.entry(id.clone()).or_default();
        account.advance(now);
        change(account)
    }
}

impl Shares {
    pub(super) fn of(id: AccountId, limits: Limits, tokens: u64, at: At) -> Self {
        let tokens = if limits.of(Budget::TokensPerDay) > 0 { tokens } else { 0 };
        Self { parts: vec![Part { id, limits, tokens, at }], is_inherited: false }
    }

    /// Both as one. They are of different accounts.
    pub(super) fn and(mut self, mut other: Self) -> Self {
        self.parts.append(&mut other.parts);
        self
    }

    /// The tokens of both accounts.
    pub fn tokens(&self) -> SharedTokens {
        let mut tokens = SharedTokens::default();
        for part in &self.parts {
            match part.id.account {
                BudgetAccount::Chatbot(_) => tokens.chatbot = part.tokens,
                BudgetAccount::Tenant => tokens.tenant = part.tokens,
                BudgetAccount::Customer(_) => {}
            }
        }
        tokens
    }
}
