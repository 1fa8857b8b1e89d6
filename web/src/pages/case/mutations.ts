import { graphql } from '../../gql';

export const Approve = graphql(`
  mutation ApprovePlan($input: ApprovePlanInput!) {
    approvePlan(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const Replan = graphql(`
  mutation Replan($input: RequestInput!) {
    replan(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const ResolveBlock = graphql(`
  mutation ResolveBlock($input: RequestInput!) {
    resolveBlock(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const ClosePartially = graphql(`
  mutation ClosePartially($input: RequestInput!) {
    closePartially(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const Cancel = graphql(`
  mutation CancelRequest($input: RequestInput!) {
    cancelRequest(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const Refuse = graphql(`
  mutation RefuseRequest($input: RefuseRequestInput!) {
    refuseRequest(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const Extend = graphql(`
  mutation ExtendDeadline($input: ExtendDeadlineInput!) {
    extendDeadline(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const Pause = graphql(`
  mutation PauseClock($input: PauseClockInput!) {
    pauseClock(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const Unpause = graphql(`
  mutation ResumeClock($input: RequestInput!) {
    resumeClock(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const Verify = graphql(`
  mutation VerifyIdentity($input: VerifyIdentityInput!) {
    verifyIdentity(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const Reopen = graphql(`
  mutation ReopenRequest($input: RequestInput!) {
    reopenRequest(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const DestroyKey = graphql(`
  mutation DestroyRequestKey($input: RequestInput!) {
    destroyRequestKey(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const Retry = graphql(`
  mutation RetryTask($input: RetryTaskInput!) {
    retryTask(input: $input) {
      task {
        id
        state
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const RecordNotice = graphql(`
  mutation RecordNotice($input: RecordNoticeInput!) {
    recordNotice(input: $input) {
      notice {
        id
        sentOn
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const RecordNoticeFailure = graphql(`
  mutation RecordNoticeFailure($input: RecordNoticeFailureInput!) {
    recordNoticeFailure(input: $input) {
      notice {
        id
        attempt
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const PreparePackage = graphql(`
  mutation PreparePackage($input: PreparePackageInput!) {
    preparePackage(input: $input) {
      request {
        id
        rev
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const PackageLink = graphql(`
  mutation CreatePackageLink($input: PackageInput!) {
    createPackageLink(input: $input) {
      path
      expiresAt
      userErrors {
        code
        path
        message
      }
    }
  }
`);

export const TellPassphrase = graphql(`
  mutation TellPassphrase($input: PackageInput!) {
    tellPassphrase(input: $input) {
      passphrase
      userErrors {
        code
        path
        message
      }
    }
  }
`);

/** Who was seen reading a dataset, as their clusters write it. */
export const ReadsDocument = graphql(`
  query ObservedReads($id: ID!) {
    node(id: $id) {
      __typename
      id
      ... on Dataset {
        observedReads {
          cluster
          group
          service {
            id
          }
          dismissal {
            id
          }
        }
      }
    }
  }
`);

export const DismissReader = graphql(`
  mutation DismissReader($input: DismissReaderInput!) {
    dismissReader(input: $input) {
      dismissal {
        id
        validTo
      }
      userErrors {
        code
        path
        message
      }
    }
  }
`);
