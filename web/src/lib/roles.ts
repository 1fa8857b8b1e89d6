import type { Role } from '../gql/graphql';

/** Who is signed in, as the server says. */
export interface Viewer {
  id: string;
  name: string;
  roles: Role[];
  teams: string[];
}

/** What pages need. The server decides again on every act; this only hides what it would refuse. */
export const needs = {
  requests: ['HANDLER', 'APPROVER', 'DPO', 'AUDITOR'],
  open: ['HANDLER'],
  catalog: ['VIEWER', 'STEWARD', 'HANDLER', 'APPROVER', 'DPO', 'AUDITOR', 'ADMIN'],
  audit: ['AUDITOR', 'DPO'],
} satisfies Record<string, Role[]>;

export const has = (who: Viewer, ...roles: Role[]): boolean => who.roles.some((r) => roles.includes(r));

/** Approving is for an approver who did not open the request. */
export const mayApprove = (who: Viewer, openedBy: { id: string } | null | undefined): boolean =>
  has(who, 'APPROVER') && openedBy?.id !== who.id;

/** Explaining a reader is for whoever answers for what it reads: a steward of that team, or an admin. */
export const mayExplain = (who: Viewer, owner: { ref: string } | null | undefined): boolean =>
  has(who, 'ADMIN') || (has(who, 'STEWARD') && owner !== null && owner !== undefined && who.teams.includes(owner.ref));
