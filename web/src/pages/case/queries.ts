import { graphql } from '../../gql';
import type { CaseQuery } from '../../gql/graphql';

/** Everything that the page of one request shows. */
export const CaseDocument = graphql(`
  query Case($caseNumber: String!) {
    request(caseNumber: $caseNumber) {
      id
      caseNumber
      type
      ground
      state
      outcome
      blockedReason
      blockedFrom
      refusal
      receivedOn
      dueOn
      dueUnpausedOn
      extendedDueOn
      extensionReason
      daysLeft
      calendar
      pausedOn
      pauseReason
      pausedDays
      identityMethod
      openedAt
      approvedAt
      closedAt
      keyDestroyOn
      keyDestroyedAt
      rev
      controller {
        id
        ref
        name
        timeZone
      }
      openedBy {
        id
        name
      }
      approvedBy {
        id
        name
      }
      mergedInto {
        id
        caseNumber
      }
      progress {
        total
        done
        stopped
        cancelled
      }
      plan {
        digest
        number
        createdAt
        summary {
          ask
          keep
          expire
          gaps
          excluded
          services
          rows
          effectiveBy
        }
        nodes(first: 100) {
          pageInfo {
            hasNextPage
          }
          nodes {
            number
            kind
            reason
            wave
            action
            count
            retentionGround
            until
            effectiveBy
            reader
            dataset {
              id
              namespace
              name
            }
            service {
              id
              ref
              name
            }
            owner {
              id
              name
            }
          }
        }
      }
      tasks(first: 100) {
        nodes {
          id
          action
          wave
          state
          round
          attempt
          nextAt
          sentAt
          answeredAt
          code
          service {
            id
            ref
            name
            stopped
            owner {
              id
              name
            }
          }
          outcomes {
            outcome
            round
            count
            ground
            until
            effectiveBy
            conflict
            dataset {
              id
              name
            }
          }
        }
      }
      notices {
        id
        kind
        dueOn
        sentOn
        channel
        attempt
        recordedBy {
          id
          name
        }
      }
      certificate {
        json
        fingerprint
        merkleRoot
        number
        issuedAt
      }
      package {
        id
        number
        state
        size
        sha256
        complete
        lateParts
        lock
        sealedAt
        deliveredAt
        expiresAt
        downloadUrl
        missing {
          id
          name
        }
      }
    }
  }
`);

export type Request = NonNullable<CaseQuery['request']>;
export type Plan = NonNullable<Request['plan']>;
export type Task = Request['tasks']['nodes'][number];

/** Tells that something changed; the page then asks for all of it. */
export const ProgressDocument = graphql(`
  subscription Progress($id: ID!) {
    requestProgress(id: $id) {
      at
      request {
        id
        state
        rev
        progress {
          total
          done
          stopped
        }
      }
    }
  }
`);

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

export const TrailDocument = graphql(`
  query Trail($id: ID!, $after: String) {
    auditTrail(requestId: $id, first: 100, after: $after) {
      pageInfo {
        hasNextPage
        endCursor
      }
      nodes {
        id
        at
        act
        code
        leaf
        actor {
          id
          name
        }
        amounts {
          name
          value
        }
      }
    }
  }
`);
