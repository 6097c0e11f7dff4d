import { userInfo } from "node:os"
import { Effect, Option, Schema } from "effect"
import { Flag } from "effect/cli"
import { StoreConflict } from "../domain/errors/Reasons.ts"
import * as Input from "./Input.ts"
import { UserError } from "./UserError.ts"

/** What commands have in common that decide something for an order. */

export const by = Flag.String("by").pipe(Flag.withDescription("Who decides (your user name)"), Flag.optional)

export const who = (name: Option.Option<string>) =>
  Option.match(name, {
    onNone: () => Effect.sync(() => userInfo().username),
    onSome: Input.decode(Schema.NonEmptyString, "--by")
  })

/** What the state of things does not allow is the caller's to know, in the store's own words. */
export const refusedWith =
  (fix: string) =>
  <E>(error: E | StoreConflict): E | UserError =>
    error instanceof StoreConflict
      ? new UserError({ problem: error.conflict.replace(/^./, (first) => first.toUpperCase()), fix })
      : error
