import { graphql } from '../../gql';
import type { CaseQuery, PlanNodeFactsFragment, TaskFactsFragment } from '../../gql/graphql';

/** What is shown of one line of a plan. */
export const PlanNodeFacts = graphql(`
  fragment PlanNodeFacts on PlanNode {
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
    dismissal {
      id
      reason
      validTo
      dismissedBy {
        id
        name
      }
    }
    dataset {
      id
      namespace
      name
      retentionPolicy {
        id
        legalReference
      }
    }
    service {
      id
      ref
      name
    }
    owner {
      id
      ref
      name
    }
  }
`);

/** What is shown of one task. */
export const TaskFacts = graphql(`
  fragment TaskFacts on Task {
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
        namespace
        name
        usualMax
      }
    }
  }
`);

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
      eraseBefore
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
      reopened
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
      closedWithGapsBy {
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
            endCursor
          }
          nodes {
            ...PlanNodeFacts
          }
        }
      }
      tasks(first: 100) {
        pageInfo {
          hasNextPage
          endCursor
        }
        nodes {
          ...TaskFacts
        }
      }
      alerts {
        reason
        taskId
        action
        code
        raisedAt
        toldAt
        times
        overAt
        service {
          id
          name
        }
        dataset {
          id
          namespace
          name
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
export type PlanNode = PlanNodeFactsFragment;
export type Task = TaskFactsFragment;

/** A later page of the tasks of a request. */
export const TasksDocument = graphql(`
  query CaseTasks($caseNumber: String!, $after: String) {
    request(caseNumber: $caseNumber) {
      id
      tasks(first: 100, after: $after) {
        pageInfo {
          hasNextPage
          endCursor
        }
        nodes {
          ...TaskFacts
        }
      }
    }
  }
`);

/** A later page of the plan of a request. */
export const PlanDocument = graphql(`
  query CasePlan($caseNumber: String!, $after: String) {
    request(caseNumber: $caseNumber) {
      id
      plan {
        digest
        nodes(first: 100, after: $after) {
          pageInfo {
            hasNextPage
            endCursor
          }
          nodes {
            ...PlanNodeFacts
          }
        }
      }
    }
  }
`);

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
