//! Cases that can have the same mesh, dealt out to as few meshes as may be.

use crate::{
    member::{Member, Position},
    route::by_size,
    sharing::Sharing,
};

/// Deals out cases that can have the same mesh: each list is a mesh, with at most one case that must be first and one that must
/// be last. As few as that allows, and more where one would take longer than `longest` milliseconds.
pub(crate) fn chains(members: Vec<Member>, sharing: Sharing, longest: u64) -> Vec<Vec<Member>> {
    let (alone, mut shared): (Vec<Member>, Vec<Member>) =
        members.into_iter().partition(|member| member.is_alone(sharing));
    let mut chains: Vec<Vec<Member>> = alone.into_iter().map(|member| vec![member]).collect();
    if shared.is_empty() {
        return chains;
    }
    let at = |position| shared.iter().filter(|member| member.position() == position).count();
    let all: u64 = shared.iter().map(|member| member.ms).sum();
    let by_time = usize::try_from(all.div_ceil(longest)).unwrap_or(usize::MAX);
    let many = at(Position::First)
        .max(at(Position::Last))
        .max(by_time)
        .clamp(1, shared.len());
    let mut dealt: Vec<Dealt> = (0..many).map(|_| Dealt::default()).collect();
    let are_one_size = shared.windows(2).all(|two| two[0].case.mesh == two[1].case.mesh);
    // The long ones first, each to whoever has the least: no list then is longer than the others by more than its last.
    shared.sort_by_key(|member| (std::cmp::Reverse(member.ms), member.number));
    let (placed, anywhere): (Vec<Member>, Vec<Member>) = shared
        .into_iter()
        .partition(|member| member.position() != Position::Anywhere);
    deal(placed, &mut dealt);
    match are_one_size {
        true => deal(anywhere, &mut dealt),
        false => cut(by_size(anywhere), &mut dealt, all / many as u64),
    }
    chains.extend(
        dealt
            .into_iter()
            .map(|dealt| dealt.members)
            .filter(|members| !members.is_empty()),
    );
    chains
}

/// Each to whoever has the least.
fn deal(members: Vec<Member>, dealt: &mut [Dealt]) {
    for member in members {
        let position = member.position();
        let least = dealt
            .iter_mut()
            .filter(|dealt| dealt.has_room(position))
            .min_by_key(|dealt| dealt.ms);
        if let Some(least) = least {
            least.add(member);
        }
    }
}

/// Cuts a list into pieces, so that those stay together that are: each list is filled until it and those before it have `share`
/// milliseconds each.
fn cut(members: Vec<Member>, dealt: &mut [Dealt], share: u64) {
    let mut at = 0;
    for member in members {
        let filled = |at: usize| dealt[..=at].iter().map(|dealt| dealt.ms).sum::<u64>() + member.ms / 2;
        while at + 1 < dealt.len() && filled(at) > share * (at as u64 + 1) {
            at += 1;
        }
        dealt[at].add(member);
    }
}

#[derive(Debug, Default)]
struct Dealt {
    members: Vec<Member>,
    ms: u64,
}

impl Dealt {
    fn add(&mut self, member: Member) {
        self.ms += member.ms;
        self.members.push(member);
    }

    /// Anywhere, there always is. There are as many lists as cases that must be first, and as those that must be last.
    fn has_room(&self, position: Position) -> bool {
        position == Position::Anywhere || self.members.iter().all(|member| member.position() != position)
    }
}
