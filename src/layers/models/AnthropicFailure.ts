import Anthropic from "@anthropic-ai/sdk"
import { Option } from "effect"
import { classifier } from "../classifiers/Anthropic.ts"
import * as ProviderFailure from "./ProviderFailure.ts"

/** The reading of what the `@anthropic-ai/sdk` package throws and Anthropic's protocol answers. */
export const { ofAnswer, reasonOf, reasonOfDetail } = ProviderFailure.make({
  classifier,
  operation: "messages",
  apiError: (failure) => (failure instanceof Anthropic.APIError ? Option.some(failure) : Option.none()),
  isConnection: (failure) =>
    failure instanceof Anthropic.APIConnectionError || failure instanceof Anthropic.APIUserAbortError,
  requestIdHeader: "request-id"
})
