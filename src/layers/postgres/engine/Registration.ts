import { Clock, Context, Effect, Schema, type Scope } from "effect"
import { Workflow, type WorkflowEngine } from "effect/workflow"

/** What the engine knows of a workflow it can run. */
export interface Registration {
  readonly workflow: Workflow.Any
  readonly execute: (
    payload: object,
    executionId: string
  ) => Effect.Effect<unknown, unknown, WorkflowEngine.WorkflowInstance | WorkflowEngine.WorkflowEngine>
  /** Runs live here, and are closed by the registration only after it has marked them as not over. */
  readonly scope: Scope.Scope
  /** What runs are given, whoever asks for them: an execution that is taken over runs the same. */
  readonly context: Context.Context<never>
  readonly encodePayload: (payload: object) => Effect.Effect<Schema.Json, Schema.SchemaError>
  readonly decodePayload: (json: Schema.Json) => Effect.Effect<object, Schema.SchemaError>
  readonly encodeResult: (
    result: Workflow.Result<unknown, unknown>
  ) => Effect.Effect<Schema.Json, Schema.SchemaError>
  readonly decodeResult: (
    json: Schema.Json
  ) => Effect.Effect<Workflow.Result<unknown, unknown>, Schema.SchemaError>
}

const toJson = Schema.decodeUnknownEffect(Schema.Json)
const toObject = Schema.decodeUnknownEffect(Schema.ObjectKeyword)

export const make = Effect.fnUntraced(function* (
  workflow: Registration["workflow"],
  execute: Registration["execute"],
  scope: Scope.Scope,
  clock: Clock.Clock
) {
  // The interface forgets which services a workflow's schemas need; whoever registers it has them.
  const ambient = yield* Effect.context<never>()
  const services = Context.makeUnsafe<unknown>(ambient.mapUnsafe)
  const provide = Effect.provideContext(services)

  const payload = Schema.toCodecJson(workflow.payloadSchema)
  const result = Schema.toCodecJson(
    Workflow.Result({ success: workflow.successSchema, error: workflow.errorSchema })
  )
  const registration: Registration = {
    workflow,
    execute,
    scope,
    context: Context.add(ambient, Clock.Clock, clock),
    encodePayload: (value) =>
      Schema.encodeUnknownEffect(payload)(value).pipe(provide, Effect.flatMap(toJson)),
    decodePayload: (json) =>
      Schema.decodeUnknownEffect(payload)(json).pipe(provide, Effect.flatMap(toObject)),
    encodeResult: (value) => Schema.encodeUnknownEffect(result)(value).pipe(provide, Effect.flatMap(toJson)),
    decodeResult: (json) => Schema.decodeUnknownEffect(result)(json).pipe(provide)
  }
  return registration
})
