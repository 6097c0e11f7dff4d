import { Schema, SchemaIssue } from "effect"

/** One thing that is wrong with a request, in GitHub's words. */
const Complaint = Schema.Struct({
  resource: Schema.String,
  code: Schema.String,
  field: Schema.optionalKey(Schema.String),
  message: Schema.optionalKey(Schema.String)
})
type Complaint = typeof Complaint.Type

/** An answer other than success, as GitHub would word it. */
export class Refusal extends Schema.TaggedError<Refusal>()("Refusal", {
  status: Schema.Int,
  message: Schema.String,
  errors: Schema.optionalKey(Schema.Array(Complaint))
}) {}

export const refusal = (status: number, message: string) => new Refusal({ status, message })

export const notFound = refusal(404, "Not Found")
export const badCredentials = refusal(401, "Bad credentials")
export const problemsParsing = refusal(400, "Problems parsing JSON")

const validationFailed = (errors: ReadonlyArray<Complaint>) =>
  new Refusal({ status: 422, message: "Validation Failed", errors })

/** A pull request that cannot be, for a reason in words. */
export const impossible = (message: string) =>
  validationFailed([{ resource: "PullRequest", code: "custom", message }])

/** Fields of a pull request whose values name nothing. */
export const invalid = (fields: ReadonlyArray<string>) =>
  validationFailed(fields.map((field) => ({ resource: "PullRequest", field, code: "invalid" })))

const format = SchemaIssue.makeFormatterStandardSchemaV1()

/** What a schema has against a request, one complaint a field. */
export const undecodable = (resource: string, error: Schema.SchemaError) =>
  validationFailed(
    format(error.issue).issues.map(({ path, message }) => ({
      resource,
      field: (path ?? []).map(String).join("."),
      code: message === "Missing key" ? "missing_field" : "invalid",
      message
    }))
  )
