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
    /// Writing to all customers.
    Announce,
    /// お問合せ and their files.
    ViewInquiries,
    AskDesk,
    AnswerDesk,
    /// Tokens of the API and webhooks of the own company.
    Integrate,
}

impl Permission {
    pub const ALL: [Permission; 21] = [
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
        Permission::Announce,
        Permission::ViewInquiries,
        Permission::AskDesk,
        Permission::AnswerDesk,
        Permission::Integrate,
    ];

    /// The matrix. A new role or permission does not compile until it stands here.
    #[must_use]
    pub const fn of(self, role: Role) -> bool {
        use Permission::{
            AcknowledgeAlert, AnswerDesk, AskDesk, AskException, DecideException, EditAddresses, Integrate,
            Investigate, IssueAccounts, ListCustomers, RenameGateway, ReportScan, TryPolicies, ViewAudit,
            ViewInquiries, ViewPolicies, ViewPortal,
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
                    | ViewInquiries
                    | AskDesk
                    | Integrate
            ),
            Role::CustomerViewer => matches!(self, ViewPortal | ViewInquiries),
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
                    | ViewInquiries
                    | AskDesk
                    | AnswerDesk
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
