import { Option, Schema } from "effect"
import type { Evidence } from "../../domain/errors/Evidence.ts"
import { type Classified, type Classifier, classify, unrecognised } from "../../domain/failures/Classified.ts"

/** What a classifier made of raw evidence, as a part of `Evidence`. Its tag is what layers choose their reason by. */
export interface Met<Tag extends string> extends Pick<Evidence, "retryAfterMs"> {
  readonly condition: NonNullable<Evidence["condition"]> & { readonly tag: Tag }
}

const metOf = <Tag extends string>({ retryAfterMs, ...classified }: Classified<Tag>): Met<Tag> => {
  const { tag, category, blame, severity, retryable, sideEffect, hint } = classified
  return {
    condition: { tag, category, blame, severity, retryable, sideEffect, hint },
    ...(retryAfterMs === null ? {} : { retryAfterMs })
  }
}

/** The one reading of what a foreign system said; evidence that cannot be read is Unrecognised, and may have happened. */
export const conditionOf = <Input, Tag extends string>(
  classifier: Classifier<Input, Tag>,
  operation: string,
  raw: unknown
): Met<Tag | "Unrecognised"> =>
  Option.match(Schema.decodeUnknownOption(classifier.input)(raw), {
    onNone: (): Met<Tag | "Unrecognised"> => metOf(unrecognised(true)),
    onSome: (input) => metOf(classify(classifier, operation, input))
  })
