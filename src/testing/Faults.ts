import { type Context, Effect, Layer, Option, Schema } from "effect"
import type { Reason } from "../domain/errors/PipelineError.ts"
import { Budget, BudgetContract } from "../services/Budget.ts"
import { CodeEditor, CodeEditorContract } from "../services/CodeEditor.ts"
import type { Contract, Service } from "../services/Contract.ts"
import { GitHub, GitHubContract } from "../services/GitHub.ts"
import { Manager, ManagerContract } from "../services/Manager.ts"
import { Proposer, ProposerContract } from "../services/Proposer.ts"
import { Workspace, WorkspaceContract } from "../services/Workspace.ts"

/** The service as it is, but for one method, which fails with `reason` every time. */
export const failing = <I, C extends Contract, M extends keyof C & string>(
  tag: Context.Key<I, Service<C>>,
  method: M,
  reason: C[M]["failure"]["Type"]
): Layer.Layer<I, never, I> =>
  Layer.effect(
    tag,
    Effect.map(tag, (real) => ({ ...real, [method]: () => Effect.fail(reason) }))
  )

type Wrapped = Manager | Budget | Proposer | Workspace | CodeEditor | GitHub
/** Replaces one of the services it needs; says so at run time only, since which one depends on the reason. */
export type Fault = Layer.Layer<never, never, Wrapped>

const places =
  <I extends Wrapped, C extends Contract>(tag: Context.Key<I, Service<C>>, contract: C) =>
  (...methods: ReadonlyArray<keyof C & string>) =>
    methods.map((method) => (reason: Reason): Option.Option<Fault> => {
      const failure = contract[method]?.failure
      return failure !== undefined && Schema.is(failure)(reason)
        ? Option.some(failing(tag, method, reason))
        : Option.none()
    })

/** Where the pipeline can meet a reason, in the order in which it would. */
const everywhere: ReadonlyArray<(reason: Reason) => Option.Option<Fault>> = [
  ...places(Workspace, WorkspaceContract)("ready"),
  ...places(CodeEditor, CodeEditorContract)("ready"),
  ...places(GitHub, GitHubContract)("getRepository"),
  ...places(Manager, ManagerContract)("route"),
  ...places(Budget, BudgetContract)("check"),
  ...places(Workspace, WorkspaceContract)("snapshot"),
  ...places(Proposer, ProposerContract)("ask"),
  ...places(Workspace, WorkspaceContract)("openWorktree", "writeInstructions"),
  ...places(CodeEditor, CodeEditorContract)("apply"),
  ...places(Workspace, WorkspaceContract)("commit", "push", "remoteHead"),
  ...places(GitHub, GitHubContract)("createPullRequest", "getPullRequest")
]

/** Makes the pipeline meet `reason` at the first place that can; none when no single call ends in it. */
export const meeting = (reason: Reason): Option.Option<Fault> =>
  Option.firstSomeOf(everywhere.map((place) => place(reason)))
