import { Schema } from "effect"

/** A path below the repository's root, with forward slashes. What it resolves to is checked where it is used. */
export const RepositoryPath = Schema.NonEmptyString

/** Replace the one place where `search` occurs. */
export const SearchReplace = Schema.TaggedStruct("SearchReplace", {
  path: RepositoryPath,
  search: Schema.NonEmptyString,
  replace: Schema.String
})

/** Write the whole file, creating it and its folders where they are missing. */
export const WholeFile = Schema.TaggedStruct("WholeFile", { path: RepositoryPath, content: Schema.String })

/** Apply a unified diff to one file. */
export const UnifiedDiff = Schema.TaggedStruct("UnifiedDiff", {
  path: RepositoryPath,
  diff: Schema.NonEmptyString
})

export const DeleteFile = Schema.TaggedStruct("DeleteFile", { path: RepositoryPath })

export const Edit = Schema.Union([SearchReplace, WholeFile, UnifiedDiff, DeleteFile])
export type Edit = typeof Edit.Type

const oneLine = (what: string) =>
  Schema.String.pipe(
    Schema.check(
      Schema.isPattern(/^\S[^\r\n]{0,199}$/, { message: `${what} must be one line of 1 to 200 characters` })
    )
  )

/** What a model, or a person, proposes to change. */
export class Proposal extends Schema.Class<Proposal>("Proposal")({
  summary: Schema.NonEmptyString,
  edits: Schema.NonEmptyArray(Edit),
  commitMessage: Schema.NonEmptyString,
  pullRequestTitle: oneLine("the pull request's title"),
  pullRequestBody: Schema.String
}) {}
