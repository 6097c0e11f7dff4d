import { Schema } from "effect"
import { Project } from "../../src/domain/Project.ts"

/** One thing that somebody outside was at: a request from its arrival to the end of its answer, or a git process; in milliseconds since 1970. */
export const Served = Schema.Struct({
  by: Schema.Literals(["model", "forge", "git"]),
  from: Schema.Finite,
  to: Schema.Finite
})
export type Served = typeof Served.Type

/** Where the world outside is. */
export const Outside = Schema.TaggedStruct("Outside", {
  model: Schema.String,
  forge: Schema.String,
  token: Schema.String,
  repository: Project.fields.repository,
  branch: Schema.String
})
export type Outside = typeof Outside.Type

/** What the world outside says: where it is, and then everything it serves. */
export const Message = Schema.Union([Outside, Schema.TaggedStruct("Served", { served: Served })])

/** What the gateway's provider says: where it is. */
export const Listening = Schema.TaggedStruct("Listening", { url: Schema.String })
