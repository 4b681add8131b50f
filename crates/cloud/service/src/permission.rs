//! What each role may do. What it may *see* is its scope.

use mimamori_domain::Role;

/// Something that an actor may or may not do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Permission {
    ViewPortal,
    AcknowledgeAlert,
    ReportScan,
    EditAddresses,
    RenameGateway,
    ListCustomers,
    ViewOutbox,
    Provision,
    ViewAudit,
    IssueAccounts,
    /// 「これは業務です」.
    AskException,
    DecideException,
    Investigate,
    ViewPolicies,
    TryPolicies,
    ManagePolicies,
}

impl Permission {
    pub const ALL: [Permission; 16] = [
        Permission::ViewPortal,
        Permission::AcknowledgeAlert,
        Permission::ReportScan,
        Permission::EditAddresses,
        Permission::RenameGateway,
        Permission::ListCustomers,
        Permission::ViewOutbox,
        Permission::Provision,
        Permission::ViewAudit,
        Permission::IssueAccounts,
        Permission::AskException,
        Permission::DecideException,
        Permission::Investigate,
        Permission::ViewPolicies,
        Permission::TryPolicies,
        Permission::ManagePolicies,
    ];

    /// The matrix. A new role or permission does not compile until it stands here.
    #[must_use]
    pub const fn of(self, role: Role) -> bool {
        use Permission::{
            AcknowledgeAlert, AskException, DecideException, EditAddresses, Investigate, IssueAccounts,
            ListCustomers, RenameGateway, ReportScan, TryPolicies, ViewAudit, ViewPolicies, ViewPortal,
        };
        match role {
            Role::CustomerAdmin => matches!(
                self,
                ViewPortal
                    | AcknowledgeAlert
                    | ReportScan
                    | EditAddresses
                    | RenameGateway
                    | ViewAudit
                    | AskException
            ),
            Role::CustomerViewer => matches!(self, ViewPortal),
            Role::HelpDesk => matches!(
                self,
                ViewPortal
                    | AcknowledgeAlert
                    | ReportScan
                    | EditAddresses
                    | RenameGateway
                    | ListCustomers
                    | IssueAccounts
                    | AskException
            ),
            Role::Reseller => matches!(self, ViewPortal | ListCustomers),
            Role::Operator => true,
            Role::Analyst => matches!(
                self,
                ViewPortal
                    | ListCustomers
                    | AskException
                    | DecideException
                    | Investigate
                    | ViewPolicies
                    | TryPolicies
            ),
        }
    }
}
