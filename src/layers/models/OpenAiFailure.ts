import { Option } from "effect"
import OpenAI from "openai"
import { classifier } from "../classifiers/OpenAi.ts"
import * as ProviderFailure from "./ProviderFailure.ts"

/** The reading of what the `openai` package throws and OpenAI's protocol answers. */
export const { ofAnswer, reasonOf, reasonOfDetail } = ProviderFailure.make({
  classifier,
  operation: "chat",
  apiError: (failure) => (failure instanceof OpenAI.APIError ? Option.some(failure) : Option.none()),
  isConnection: (failure) =>
    failure instanceof OpenAI.APIConnectionError || failure instanceof OpenAI.APIUserAbortError,
  requestIdHeader: "x-request-id"
})
