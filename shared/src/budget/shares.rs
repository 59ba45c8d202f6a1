//! The accounts of a process, and a turn's shares of them.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::account::Account;
use crate::domain::{
    At,
    budget::{BudgetAccount, BudgetSettings, Exceeded, Limits},
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

/// A turn's shares of the accounts of its chatbot and its tenant. Dropped before the model is asked, they may be used by
/// the next turn; once it is asked, they stay counted unless [`App::settle`](crate::App::settle) says what it took.
#[derive(Default)]
pub struct Shares {
    pub(super) parts: Vec<Part>,
    /// The accounts that they go back to, until the model is asked.
    pub(super) unused: Option<Accounts>,
}

/// The share of one account.
pub(super) struct Part {
    pub(super) id: AccountId,
    pub(super) limits: Limits,
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

    /// A turn's share of one account.
    pub(super) fn share(&self, id: AccountId, limits: Limits, tokens: u64, at: At) -> Shares {
        Shares { parts: vec![Part { id, limits, tokens, at }], unused: Some(self.accounts.clone()) }
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
    /// Both as one. They are of different accounts.
    pub(super) fn and(mut self, mut other: Self) -> Self {
        self.parts.append(&mut other.parts);
        self.unused = self.unused.take().or_else(|| other.unused.take());
        self
    }

    /// True where neither account has a limit.
    pub const fn is_empty(&self) -> bool {
        self.parts.is_empty()
    }

    /// Marks the turn as used: the model is asked.
    pub fn begin(&mut self) {
        self.unused = None;
    }
}

impl Drop for Shares {
    fn drop(&mut self) {
        let Some(accounts) = self.unused.take() else { return };
        for part in std::mem::take(&mut self.parts) {
            accounts.with(&part.id, part.at, |account| account.give_back(part.tokens, part.at, part.limits));
        }
    }
}
