import { Schema } from "effect"
import { Sha } from "./Ids.ts"

/** A pull request as the forge tells it. */
export class PullRequest extends Schema.Class<PullRequest>("PullRequest")({
  number: Schema.Int,
  url: Schema.String,
  state: Schema.Literals(["open", "closed"]),
  merged: Schema.Boolean,
  head: Schema.Struct({ branch: Schema.String, sha: Sha }),
  base: Schema.Struct({ branch: Schema.String })
}) {}
