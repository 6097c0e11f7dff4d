import type { MethodName } from "../../src/testing/Services.ts"

/** Who calls a method in the matrix. */
export type DriverName =
  /** An order that goes well otherwise, through all five steps. */
  | "order"
  /** The same, whose model is rate limited the first time. */
  | "order, model refuses once"
  /** The same, whose model's first answer gets lost. */
  | "order, model fails once"
  /** The same, whose model takes 50 seconds to answer. */
  | "order, model is slow"
  /** The same, whose project's check fails until a model has mended the change. */
  | "order, check fails"
  /** The same, that may ask one model only. */
  | "order, one model"
  /** The same, whose editor asks its model through the gateway. */
  | "order, editor asks"
  /** The same, whose pull request is not opened at the first try. */
  | "order, forge fails once"
  /** The same, after whose pull request was opened somebody changes which one it is. */
  | "order, another pull request"
  /** src/operations/Notices.ts, from an escalation that cannot be told to the silence after the last reminder. */
  | "notices"
  /** src/operations/ReservationSweep.ts, over one reservation whose owner is gone. */
  | "sweep"
  /** layers/WorktreeWorkspace, from the first snapshot to the removed branch. */
  | "workspace"
  /** A command or a route handler: the call itself, and the same call again. */
  | "caller"

interface Row {
  readonly driver: DriverName
  /** What the layer calls it, in the evidence of its failures. */
  readonly operation: string
}

const row = (driver: DriverName, operation: string): Row => ({ driver, operation })
const store = (driver: DriverName, name: string) => row(driver, `moose.${name}`)

/** Who drives each method there is: one that has no driver does not compile. */
export const methods: Record<MethodName, Row> = {
  "Budget.check": store("order", "check_budget"),
  "Budget.reserve": store("order", "check_and_reserve_budgets"),
  "Budget.settle": store("caller", "settle_reservation"),
  "Budget.cancel": store("order, model refuses once", "close_reservation"),
  "Budget.presume": store("order, model fails once", "close_reservation"),
  "Budget.renew": store("order, model is slow", "renew_reservation"),
  "Budget.presumeExpired": store("sweep", "presume_expired"),
  "Budget.status": store("caller", "budget_status"),
  "Checks.run": row("order", "true"),
  "ClientManager.notify": row("notices", "POST /escalate"),
  "CodeEditor.ready": row("order", "aider --version"),
  "CodeEditor.apply": row("order", "aider"),
  "Escalations.raise": store("notices", "raise_escalation"),
  "Escalations.get": store("caller", "get_escalation"),
  "Escalations.list": store("caller", "list_escalations"),
  "Escalations.acknowledge": store("caller", "acknowledge_escalation"),
  "Escalations.resolve": store("notices", "resolve_escalation"),
  "Escalations.dueNotices": store("notices", "due_notices"),
  "Escalations.noticeSent": store("notices", "notice_sent"),
  "Git.version": row("caller", "git --version"),
  "Git.initBare": row("workspace", "git init"),
  "Git.remoteUrl": row("caller", "git remote"),
  "Git.defaultBranch": row("caller", "git ls-remote"),
  "Git.fetchBranch": row("workspace", "git fetch"),
  "Git.remoteHead": row("workspace", "git ls-remote"),
  "Git.remoteBranches": row("caller", "git ls-remote"),
  "Git.push": row("workspace", "git push"),
  "Git.listFiles": row("workspace", "git ls-tree"),
  "Git.readFile": row("workspace", "git cat-file"),
  "Git.addWorktree": row("workspace", "git worktree add"),
  "Git.removeWorktree": row("workspace", "git worktree remove"),
  "Git.commitAll": row("workspace", "git commit"),
  "Git.commitPatch": row("caller", "git apply"),
  "Git.holds": row("workspace", "git cat-file"),
  "Git.diff": row("workspace", "git diff"),
  "Git.listRefs": row("caller", "git for-each-ref"),
  "Git.readRef": row("workspace", "git rev-parse"),
  "Git.writeRef": row("workspace", "git update-ref"),
  "Git.trailer": row("workspace", "git log"),
  "GitHub.getRepository": row("order", "GET /repos/{owner}/{repo}"),
  "GitHub.findPullRequests": row("order", "GET /repos/{owner}/{repo}/pulls"),
  "GitHub.getPullRequest": row("order", "GET /repos/{owner}/{repo}/pulls/{pull_number}"),
  "GitHub.createPullRequest": row("order", "POST /repos/{owner}/{repo}/pulls"),
  "GitHub.commentPullRequest": row("caller", "POST /repos/{owner}/{repo}/issues/{issue_number}/comments"),
  "GitHub.closePullRequest": row("caller", "PATCH /repos/{owner}/{repo}/pulls/{pull_number}"),
  "Incidents.admit": store("order", "admit"),
  "Manager.route": row("order", "POST /route"),
  "ModelGateway.open": row("order, editor asks", "POST /chat/completions"),
  "ModelGateway.account": row("caller", "account"),
  "ModelGateway.close": row("order, editor asks", "close"),
  "ModelReplies.begin": store("order, editor asks", "begin_model_reply"),
  "ModelReplies.keep": store("order, editor asks", "keep_model_reply"),
  "Premises.look": row("caller", "git for-each-ref"),
  "Premises.clearWorktree": row("caller", "git worktree remove"),
  "Premises.remakeBranch": row("caller", "git update-ref"),
  "Premises.restore": row("caller", "git update-ref"),
  "Premises.purge": row("caller", "git update-ref"),
  "Projects.put": store("caller", "put_project"),
  "Projects.get": store("order", "get_project"),
  "Projects.list": store("caller", "list_projects"),
  "Proposer.ask": row("order", "asking gpt-5-mini"),
  "Reconciliation.begin": store("caller", "reconcile_begin"),
  "Reconciliation.view": store("caller", "reconcile_view"),
  "Reconciliation.hold": store("caller", "hold_for_repair"),
  "Reconciliation.record": store("caller", "record_repair"),
  "Reconciliation.end": store("caller", "end_repair"),
  "Resources.intend": store("order", "intend_resources"),
  "Resources.list": store("order", "list_resources"),
  "Spool.put": row("notices", "put"),
  "Spool.peek": row("notices", "peek"),
  "Spool.remove": row("notices", "remove"),
  "StepJournal.append": store("order", "commit_facts"),
  "StepJournal.commit": store("order, model refuses once", "commit_facts"),
  "WorkOrders.submit": store("caller", "submit_work_order"),
  "WorkOrders.get": store("order", "get_work_order"),
  "WorkOrders.list": store("caller", "list_work_orders"),
  "WorkOrders.timeline": store("caller", "timeline"),
  "WorkOrders.mergeMetadata": store("caller", "merge_metadata"),
  "WorkOrders.cancel": store("caller", "cancel_work_order"),
  "WorkOrders.retry": store("caller", "retry_work_order"),
  "WorkOrders.pause": store("caller", "pause_work_order"),
  "WorkOrders.resume": store("caller", "resume_work_order"),
  "WorkOrders.byPullRequest": store("caller", "work_order_by_pull_request"),
  "WorkOrders.stuck": store("caller", "stuck_orders"),
  "WorkOrders.pastOutcomes": store("caller", "past_outcomes"),
  "WorkOrders.explain": store("caller", "explain"),
  "WorkOrders.state": store("order, model refuses once", "order_state"),
  "WorkOrders.errors": store("caller", "list_errors"),
  "Workspace.ready": row("order", "look for free space"),
  "Workspace.snapshot": row("order", "git fetch"),
  "Workspace.locate": row("order", "locate"),
  "Workspace.openWorktree": row("order", "git fetch"),
  "Workspace.closeWorktree": row("order", "git worktree remove"),
  "Workspace.writeInstructions": row("order", "write instructions"),
  "Workspace.removeInstructions": row("order", "remove instructions"),
  "Workspace.commit": row("order", "git commit"),
  "Workspace.remoteHead": row("order", "git ls-remote"),
  "Workspace.push": row("order", "git push"),
  "Workspace.diff": row("caller", "git diff"),
  "Workspace.dropBranch": row("order", "git update-ref")
}

/** One call of a method, counted from 1, and of which order: `label` tells it from the same call of another one. */
export interface Place {
  readonly driver: DriverName
  readonly call: number
  readonly label?: string
}

const calls = (driver: DriverName, ...all: ReadonlyArray<number>): ReadonlyArray<Place> =>
  all.map((call) => ({ driver, call }))
const mended = "order, check fails"
const editor: Place = { driver: "order, editor asks", call: 2, label: "editor" }
export const alone: Place = { driver: "order, one model", call: 1, label: "alone" }

/** Where later steps call what an earlier one called already: a reason can mean something else there. */
export const furtherPlaces: Readonly<Partial<Record<MethodName, ReadonlyArray<Place>>>> = {
  "Budget.reserve": calls(mended, 2),
  "Incidents.admit": calls("order", 2, 3, 4, 5),
  "Projects.get": calls("order", 2, 3, 4, 5),
  "Proposer.ask": [...calls(mended, 2), alone, editor],
  "Resources.intend": calls("order", 4, 5),
  "StepJournal.append": calls("order", 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16),
  "WorkOrders.get": calls("order", 2, 3, 4, 5, 6),
  "Workspace.remoteHead": calls("order", 2, 3),
  "Workspace.snapshot": calls(mended, 2)
}

/** One call of each step, whose result the journal refuses to keep. */
export const refusing: ReadonlyArray<MethodName> = [
  "Manager.route",
  "Proposer.ask",
  "CodeEditor.apply",
  "GitHub.createPullRequest",
  "Workspace.dropBranch"
]
