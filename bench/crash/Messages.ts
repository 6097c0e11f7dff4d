import { Schema } from "effect"
import * as Plan from "./Plan.ts"

/** What a bench run and its worker processes say to each other. */

export const Command = Schema.Union([
  /** Work on what is queued, until told to stop. */
  Schema.TaggedStruct("Run", {
    databaseUrl: Schema.String,
    forgeUrl: Schema.String,
    token: Schema.String,
    modelUrl: Schema.String,
    home: Schema.String,
    /** The one that there is. */
    execution: Schema.String,
    /** A worker that begins reconciles first. */
    reconciles: Schema.Boolean,
    /** A folder whose `git` is put before the real one, and what is written there makes it kill. */
    programs: Schema.String,
    /** That git is used for everything. */
    limited: Schema.Boolean,
    /** Everything that the process does is written there before it goes on. */
    trace: Schema.String,
    log: Schema.String,
    leaseMs: Schema.Int,
    /** One for each process that has work in turn; whose it is, the length of the file `deaths` says when it claims. */
    kills: Schema.Array(Plan.Kill),
    deaths: Schema.String,
    /** Where the process stops until it is told to go on, because something is about to break. */
    disturbedAt: Schema.NullOr(Plan.Effect),
    sabotage: Schema.NullOr(Plan.Sabotage)
  }),
  Schema.TaggedStruct("GoOn", {}),
  Schema.TaggedStruct("Stop", {})
])
export type Command = typeof Command.Type
export type Run = Extract<Command, { readonly _tag: "Run" }>

export const Report = Schema.Union([
  /** All code is loaded: it can begin at once. */
  Schema.TaggedStruct("Ready", {}),
  /** It stands where something is to break, and waits. */
  Schema.TaggedStruct("Disturb", {}),
  /** It is about to ask somebody else for this, whose part it is to kill it then; it waits. */
  Schema.TaggedStruct("KillMe", { effect: Plan.Effect, done: Schema.Boolean }),
  Schema.TaggedStruct("Stopped", {})
])
export type Report = typeof Report.Type

/** One line of what processes did, in the order in which they did it. */
export const Trace = Schema.Union([
  Schema.TaggedStruct("Did", {
    at: Schema.Int,
    pid: Schema.Int,
    effect: Plan.Effect,
    phase: Plan.Phase,
    occurrence: Schema.Int,
    /** The step that it belongs to, where it belongs to one. */
    step: Schema.NullOr(Schema.String),
    /** Not null when it failed. */
    failed: Schema.NullOr(Schema.String)
  }),
  Schema.TaggedStruct("Claimed", {
    at: Schema.Int,
    pid: Schema.Int,
    executions: Schema.Array(Schema.String),
    /** Which of the kills is its own now. */
    kill: Schema.Int
  }),
  /** What the process believes to be running there, whenever that changes. */
  Schema.TaggedStruct("Running", { at: Schema.Int, pid: Schema.Int, executions: Schema.Array(Schema.String) })
])
export type Trace = typeof Trace.Type
export type Did = Extract<Trace, { readonly _tag: "Did" }>
