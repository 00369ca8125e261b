//! Refusal by nf_tables: what is sent to a peer is answered with a reset, here, before it leaves.
//!
//! In the words of `nft`:
//! ```text
//! table ip meshkat {
//!   set refused { type ipv4_addr; elements = { 172.30.0.6 } }
//!   chain output {
//!     type filter hook output priority filter
//!     ip daddr @refused tcp flags & rst == 0 reject with tcp reset
//!     ip daddr @refused meta l4proto != tcp reject
//!   }
//! }
//! ```
//! A reset of our own passes, so that the peer hears of it when [`super::sockets`] breaks a connection.

use std::{ffi::CStr, net::Ipv4Addr};

use netlink_bindings::{
    nftables::{Chained, CmpOps, MetaKeys, Nfgenmsg, PayloadBase, PushExprListAttrs, Registers, RejectTypes, Request},
    utils::{Pusher, push_header},
};

use super::kernel::{Kernel, Refusal};

/// The table of what `apply` did.
pub(crate) const TABLE: &CStr = c"meshkat";
const SET: &CStr = c"refused";
const CHAIN: &CStr = c"output";
/// Known within one transaction.
const SET_ID: u32 = 1;
/// What `nft` calls an `ipv4_addr`; the kernel hands it on.
const TYPE_IPV4_ADDRESS: u32 = 7;
const REGISTER: u32 = Registers::Reg1 as u32;
/// `enum nft_lookup_attributes` of linux/netfilter/nf_tables.h.
const NFTA_LOOKUP_SREG: u16 = 2;
/// The bit in the 14th byte of a TCP header.
const RESET: u8 = 0x04;
const FLAGS_OFFSET: u32 = 13;
/// Where an IPv4 header has its destination.
const DESTINATION_OFFSET: u32 = 16;
const ICMP_PORT_UNREACHABLE: u8 = 3;

/// Refuses exactly these peers, in one step. Without any, the table is gone.
///
/// # Errors
/// [`Refusal::is_unsupported`]: the kernel has no nf_tables, or no reject in them.
pub(crate) fn replace(kernel: &mut Kernel, table: &CStr, peers: &[Ipv4Addr]) -> Result<(), Refusal> {
    let mut batch = Chained::new(kernel.reserve(16));
    let bracket = {
        let mut header = Nfgenmsg::new();
        header.set_res_id(libc::NFNL_SUBSYS_NFTABLES as u16);
        header
    };
    batch.request().op_batch_begin_do(&bracket);
    // Made first, for a table that is not there cannot be deleted.
    make_table(&mut batch, table);
    batch.request().op_deltable_do(&ip()).encode().push_name(table);
    if !peers.is_empty() {
        make_table(&mut batch, table);
        make_set(&mut batch, table, peers);
        make_chain(&mut batch, table);
        make_rules(&mut batch, table);
    }
    batch.request().op_batch_end_do(&bracket);
    kernel.transact(&batch.finalize())
}

/// The peers that are refused.
pub(crate) fn peers_of(kernel: &mut Kernel, table: &CStr) -> Result<Vec<Ipv4Addr>, Refusal> {
    let mut request = Request::new().op_getsetelem_dump(&ip());
    request.encode().push_table(table).push_set(SET);
    let found = kernel.list(&request, |(_, attributes)| {
        let elements = attributes.get_elements().ok()?;
        let addresses = elements.get_elem().filter_map(|element| {
            let key = element.get_key().ok()?.get_value().ok()?;
            Some(Ipv4Addr::from(<[u8; 4]>::try_from(key).ok()?))
        });
        Some(addresses.collect::<Vec<_>>())
    });
    match found {
        Ok(found) => Ok(found.concat()),
        Err(refusal) if refusal.is(libc::ENOENT) => Ok(Vec::new()),
        Err(refusal) => Err(refusal),
    }
}

fn ip() -> Nfgenmsg {
    Nfgenmsg {
        nfgen_family: libc::AF_INET as u8,
        ..Nfgenmsg::new()
    }
}

fn make_table(batch: &mut Chained<'_>, table: &CStr) {
    batch
        .request()
        .set_create()
        .op_newtable_do(&ip())
        .encode()
        .push_name(table);
}

fn make_set(batch: &mut Chained<'_>, table: &CStr, peers: &[Ipv4Addr]) {
    batch
        .request()
        .set_create()
        .op_newset_do(&ip())
        .encode()
        .push_table(table)
        .push_name(SET)
        .push_key_type(TYPE_IPV4_ADDRESS)
        .push_key_len(4)
        .push_id(SET_ID);
    let mut request = batch.request().set_create().op_newsetelem_do(&ip());
    let mut elements = request
        .encode()
        .push_table(table)
        .push_set(SET)
        .push_set_id(SET_ID)
        .nested_elements();
    for peer in peers {
        elements = elements
            .nested_elem()
            .nested_key()
            .push_value(&peer.octets())
            .end_nested()
            .end_nested();
    }
    elements.end_nested();
}

fn make_chain(batch: &mut Chained<'_>, table: &CStr) {
    batch
        .request()
        .set_create()
        .op_newchain_do(&ip())
        .encode()
        .push_table(table)
        .push_name(CHAIN)
        .nested_hook()
        .push_num(libc::NF_INET_LOCAL_OUT as u32)
        .push_priority(libc::NF_IP_PRI_FILTER)
        .end_nested()
        .push_type(c"filter");
}

fn make_rules(batch: &mut Chained<'_>, table: &CStr) {
    let protocol = [libc::IPPROTO_TCP as u8];

    let mut request = batch.request().set_create().set_append().op_newrule_do(&ip());
    let rule = request
        .encode()
        .push_table(table)
        .push_chain(CHAIN)
        .nested_expressions();
    let rule = compare_protocol(to_a_refused_peer(rule), CmpOps::Eq, &protocol);
    let rule = load(rule, PayloadBase::TransportHeader, FLAGS_OFFSET, 1)
        .nested_elem()
        .nested_data_bitwise()
        .push_sreg(REGISTER)
        .push_dreg(REGISTER)
        .push_len(1)
        .nested_mask()
        .push_value(&[RESET])
        .end_nested()
        .nested_xor()
        .push_value(&[0])
        .end_nested()
        .end_nested()
        .end_nested();
    compare(rule, CmpOps::Eq, &[0])
        .nested_elem()
        .nested_data_reject()
        .push_type(RejectTypes::TcpRst as u32)
        .push_icmp_code(0)
        .end_nested()
        .end_nested()
        .end_nested();

    let mut request = batch.request().set_create().set_append().op_newrule_do(&ip());
    let rule = request
        .encode()
        .push_table(table)
        .push_chain(CHAIN)
        .nested_expressions();
    compare_protocol(to_a_refused_peer(rule), CmpOps::Neq, &protocol)
        .nested_elem()
        .nested_data_reject()
        .push_type(RejectTypes::IcmpUnreach as u32)
        .push_icmp_code(ICMP_PORT_UNREACHABLE)
        .end_nested()
        .end_nested()
        .end_nested();
}

type Rule<P> = PushExprListAttrs<P>;

/// Goes on with packets to those in the set.
fn to_a_refused_peer<P: Pusher>(rule: Rule<P>) -> Rule<P> {
    let mut lookup = load(rule, PayloadBase::NetworkHeader, DESTINATION_OFFSET, 4)
        .nested_elem()
        .nested_data_lookup()
        .push_set(SET);
    // Not `push_sreg`: the description that the library is made from has this number wrong.
    push_header(lookup.as_vec_mut(), NFTA_LOOKUP_SREG, 4);
    lookup.as_vec_mut().extend(REGISTER.to_be_bytes());
    lookup.end_nested().end_nested()
}

fn compare_protocol<P: Pusher>(rule: Rule<P>, operator: CmpOps, protocol: &[u8]) -> Rule<P> {
    let rule = rule
        .nested_elem()
        .nested_data_meta()
        .push_key(MetaKeys::L4Proto as u32)
        .push_dreg(REGISTER)
        .end_nested()
        .end_nested();
    compare(rule, operator, protocol)
}

/// Takes `length` bytes of a header into the register.
fn load<P: Pusher>(rule: Rule<P>, base: PayloadBase, offset: u32, length: u32) -> Rule<P> {
    rule.nested_elem()
        .nested_data_payload()
        .push_dreg(REGISTER)
        .push_base(base as u32)
        .push_offset(offset)
        .push_len(length)
        .end_nested()
        .end_nested()
}

/// Goes on when the register holds this, or does not.
fn compare<P: Pusher>(rule: Rule<P>, operator: CmpOps, value: &[u8]) -> Rule<P> {
    rule.nested_elem()
        .nested_data_cmp()
        .push_sreg(REGISTER)
        .push_op(operator as u32)
        .nested_data()
        .push_value(value)
        .end_nested()
        .end_nested()
        .end_nested()
}
