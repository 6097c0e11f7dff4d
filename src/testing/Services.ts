import { type Context, type Layer, Schema, SchemaAST } from "effect"
import { Budget, BudgetContract } from "../services/Budget.ts"
import { Checks, ChecksContract } from "../services/Checks.ts"
import { ClientManager, ClientManagerContract } from "../services/ClientManager.ts"
import { CodeEditor, CodeEditorContract } from "../services/CodeEditor.ts"
import type { Contract, Service } from "../services/Contract.ts"
import { Escalations, EscalationsContract } from "../services/Escalations.ts"
import { Git, GitContract } from "../services/Git.ts"
import { GitHub, GitHubContract } from "../services/GitHub.ts"
import { Incidents, IncidentsContract } from "../services/Incidents.ts"
import { Manager, ManagerContract } from "../services/Manager.ts"
import { ModelGateway, ModelGatewayContract } from "../services/ModelGateway.ts"
import { ModelReplies, ModelRepliesContract } from "../services/ModelReplies.ts"
import { Premises, PremisesContract } from "../services/Premises.ts"
import { Projects, ProjectsContract } from "../services/Projects.ts"
import { Proposer, ProposerContract } from "../services/Proposer.ts"
import { Reconciliation, ReconciliationContract } from "../services/Reconciliation.ts"
import { Resources, ResourcesContract } from "../services/Resources.ts"
import { Spool, SpoolContract } from "../services/Spool.ts"
import { StepJournal, StepJournalContract } from "../services/StepJournal.ts"
import { WorkOrders, WorkOrdersContract } from "../services/WorkOrders.ts"
import { Workspace, WorkspaceContract } from "../services/Workspace.ts"
import * as Faults from "./Faults.ts"

/** Every contract there is, by its service's name. */
export const contracts = {
  Budget: BudgetContract,
  Checks: ChecksContract,
  ClientManager: ClientManagerContract,
  CodeEditor: CodeEditorContract,
  Escalations: EscalationsContract,
  Git: GitContract,
  GitHub: GitHubContract,
  Incidents: IncidentsContract,
  Manager: ManagerContract,
  ModelGateway: ModelGatewayContract,
  ModelReplies: ModelRepliesContract,
  Premises: PremisesContract,
  Projects: ProjectsContract,
  Proposer: ProposerContract,
  Reconciliation: ReconciliationContract,
  Resources: ResourcesContract,
  Spool: SpoolContract,
  StepJournal: StepJournalContract,
  WorkOrders: WorkOrdersContract,
  Workspace: WorkspaceContract
} as const satisfies Record<string, Contract>

export type Contracts = typeof contracts
export type ServiceName = keyof Contracts

export type AnyService =
  | Budget
  | Checks
  | ClientManager
  | CodeEditor
  | Escalations
  | Git
  | GitHub
  | Incidents
  | Manager
  | ModelGateway
  | ModelReplies
  | Premises
  | Projects
  | Proposer
  | Reconciliation
  | Resources
  | Spool
  | StepJournal
  | WorkOrders
  | Workspace

/** "Workspace.push": every method of every service. */
export type MethodName = {
  readonly [S in ServiceName]: `${S}.${keyof Contracts[S] & string}`
}[ServiceName]

/** A reason as any method may declare it. */
export interface AnyFailure {
  readonly _tag: string
  readonly message: string
}

/** One service, where which one it is does not matter. What a layer of it replaces is known at run time only. */
export interface Subject {
  readonly name: ServiceName
  readonly methods: ReadonlyArray<string>
  /** The tags of all reasons that a method declares. */
  readonly reasonsOf: (method: string) => ReadonlyArray<string>
  readonly inject: (
    method: string,
    what: Faults.What<AnyFailure>,
    when: Faults.When
  ) => Layer.Layer<never, never, AnyService>
  readonly watch: (called: (method: string) => void) => Layer.Layer<never, never, AnyService>
}

/** The tags in a schema of tagged reasons, as deep as unions go. */
const tagsOf = (ast: SchemaAST.AST): ReadonlyArray<string> => {
  if (SchemaAST.isUnion(ast)) return ast.types.flatMap(tagsOf)
  if (SchemaAST.isNever(ast)) return []
  const inner = SchemaAST.isDeclaration(ast) ? ast.typeParameters[0] : ast
  if (inner === undefined || !SchemaAST.isObjects(inner)) return []
  const tag = inner.propertySignatures.find(({ name }) => name === "_tag")?.type
  return tag !== undefined && SchemaAST.isLiteral(tag) && typeof tag.literal === "string" ? [tag.literal] : []
}

const subject = <I extends AnyService, C extends Contract>(
  name: ServiceName,
  tag: Context.Key<I, Service<C>>,
  contract: C
): Subject => ({
  name,
  methods: Object.keys(contract),
  reasonsOf: (method) => [...new Set(tagsOf(contract[method]?.failure.ast ?? Schema.Never.ast))],
  inject: (method, what, when) => {
    const failure = contract[method]?.failure
    if (failure === undefined) throw new Error(`${name} has no method ${method}`)
    const is = Schema.is(failure)
    if (what._tag !== "Fail" && what._tag !== "LoseReply") return Faults.inject(tag, { method, what, when })
    const { reason } = what
    if (!is(reason)) throw new Error(`${name}.${method} does not fail with ${what.reason._tag}`)
    return Faults.inject(tag, { method, what: { _tag: what._tag, reason }, when })
  },
  watch: (called) => Faults.watch(tag, contract, called)
})

/** Every service. */
export const subjects: { readonly [S in ServiceName]: Subject } = {
  Budget: subject("Budget", Budget, BudgetContract),
  Checks: subject("Checks", Checks, ChecksContract),
  ClientManager: subject("ClientManager", ClientManager, ClientManagerContract),
  CodeEditor: subject("CodeEditor", CodeEditor, CodeEditorContract),
  Escalations: subject("Escalations", Escalations, EscalationsContract),
  Git: subject("Git", Git, GitContract),
  GitHub: subject("GitHub", GitHub, GitHubContract),
  Incidents: subject("Incidents", Incidents, IncidentsContract),
  Manager: subject("Manager", Manager, ManagerContract),
  ModelGateway: subject("ModelGateway", ModelGateway, ModelGatewayContract),
  ModelReplies: subject("ModelReplies", ModelReplies, ModelRepliesContract),
  Premises: subject("Premises", Premises, PremisesContract),
  Projects: subject("Projects", Projects, ProjectsContract),
  Proposer: subject("Proposer", Proposer, ProposerContract),
  Reconciliation: subject("Reconciliation", Reconciliation, ReconciliationContract),
  Resources: subject("Resources", Resources, ResourcesContract),
  Spool: subject("Spool", Spool, SpoolContract),
  StepJournal: subject("StepJournal", StepJournal, StepJournalContract),
  WorkOrders: subject("WorkOrders", WorkOrders, WorkOrdersContract),
  Workspace: subject("Workspace", Workspace, WorkspaceContract)
}
