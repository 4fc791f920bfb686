//! A peer on a raw socket: PDUs written and read by dicom-ul, command sets by hand.
#![allow(clippy::cast_possible_truncation, reason = "sizes of test PDUs")]

use super::{CT, IMPLICIT, within};
use dicom_ul::pdu::{
    AbortRQServiceProviderReason, AbortRQSource, AssociationRQ, PDataValue, PDataValueType, Pdu,
    PresentationContextProposed, UserVariableItem, read_pdu, write_pdu,
};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

pub const ECHO: &str = "1.2.840.10008.1.1";

/// A peer without manners.
pub struct Raw(pub TcpStream);

impl Raw {
    pub async fn connect(address: SocketAddr) -> Self {
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// Context 1: verification, 3: CT, 5: a class that nobody takes; all in Implicit VR.
    pub async fn associated(address: SocketAddr) -> Self {
        let mut raw = Self::connect(address).await;
        raw.send(&request("LUNGCAD")).await;
        let Pdu::AssociationAC(acceptance) = raw.receive().await.unwrap() else { panic!("not accepted") };
        let results: Vec<u8> =
            acceptance.presentation_contexts.iter().map(|c| c.reason.clone() as u8).collect();
        assert_eq!(results, [0, 0, 3]);
        raw
    }

    pub async fn send(&mut self, pdu: &Pdu) {
        let mut bytes = Vec::new();
        write_pdu(&mut bytes, pdu).unwrap();
        self.0.write_all(&bytes).await.unwrap();
    }

    pub async fn send_raw(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    /// The next PDU, or none when the connection ends.
    pub async fn receive(&mut self) -> Option<Pdu> {
        within(async {
            let mut bytes = vec![0; 6];
            self.0.read_exact(&mut bytes).await.ok()?;
            let size = u32::from_be_bytes(bytes[2..6].try_into().unwrap()) as usize;
            bytes.resize(6 + size, 0);
            self.0.read_exact(&mut bytes[6..]).await.ok()?;
            read_pdu(&bytes[..], 1 << 20, true).unwrap()
        })
        .await
    }

    /// Status and offending elements of the next response.
    pub async fn response(&mut self) -> (u16, u16, Vec<u8>) {
        let Some(Pdu::PData { data }) = self.receive().await else { panic!("no response") };
        let status = element(&data[0].data, 0x0900).expect("status");
        let field = element(&data[0].data, 0x0100).expect("command field");
        let offending = element(&data[0].data, 0x0901).unwrap_or_default();
        (le(&field), le(&status), offending)
    }

    pub async fn expect_abort(&mut self, reason: AbortRQServiceProviderReason) {
        let pdu = self.receive().await;
        assert_eq!(pdu, Some(Pdu::AbortRQ { source: AbortRQSource::ServiceProvider(reason) }));
        assert_eq!(self.receive().await, None, "closed after the abort");
    }

    pub async fn expect_echo(&mut self, message_id: u16) {
        self.send(&data(&[(1, true, true, &command(0x30, message_id, ECHO, None))])).await;
        assert_eq!(self.response().await, (0x8030, 0, Vec::new()));
    }

    pub async fn release(mut self) {
        self.send(&Pdu::ReleaseRQ).await;
        assert_eq!(self.receive().await, Some(Pdu::ReleaseRP));
    }
}

pub fn le(value: &[u8]) -> u16 {
    u16::from_le_bytes(value.try_into().unwrap())
}

/// An element of a command set that is known good.
pub fn element(mut bytes: &[u8], wanted: u16) -> Option<Vec<u8>> {
    while bytes.len() >= 8 {
        let size = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
        if le(&bytes[2..4]) == wanted {
            return Some(bytes[8..8 + size].to_vec());
        }
        bytes = &bytes[8 + size..];
    }
    None
}

/// A command set by hand: `(element, value)`.
pub fn set(elements: &[(u16, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (element, value) in elements {
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&element.to_le_bytes());
        out.extend_from_slice(&(value.len() as u32).to_le_bytes());
        out.extend_from_slice(value);
    }
    out
}

/// A request; with an instance UID it announces a data set.
pub fn command(field: u16, message_id: u16, class: &str, instance: Option<&str>) -> Vec<u8> {
    let padded = |text: &str| {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(2), 0);
        bytes
    };
    let kind: u16 = if instance.is_some() { 0 } else { 0x0101 };
    let (class, uid) = (padded(class), instance.map(padded));
    let (field, message_id, kind) = (field.to_le_bytes(), message_id.to_le_bytes(), kind.to_le_bytes());
    let mut elements: Vec<(u16, &[u8])> =
        vec![(2, &class), (0x0100, &field), (0x0110, &message_id), (0x0800, &kind)];
    if let Some(uid) = &uid {
        elements.push((0x1000, uid));
    }
    set(&elements)
}

/// A P-DATA-TF of `(context, is_command, is_last, bytes)`.
pub fn data(values: &[(u8, bool, bool, &[u8])]) -> Pdu {
    let value =
        |&(presentation_context_id, is_command, is_last, bytes): &(u8, bool, bool, &[u8])| PDataValue {
            presentation_context_id,
            value_type: if is_command { PDataValueType::Command } else { PDataValueType::Data },
            is_last,
            data: bytes.to_vec(),
        };
    Pdu::PData { data: values.iter().map(value).collect() }
}

pub fn request(called: &str) -> Pdu {
    let context = |id, class: &str| PresentationContextProposed {
        id,
        abstract_syntax: class.to_owned(),
        transfer_syntaxes: vec![IMPLICIT.to_owned()],
    };
    Pdu::AssociationRQ(AssociationRQ {
        protocol_version: 1,
        calling_ae_title: "RAW".to_owned(),
        called_ae_title: called.to_owned(),
        application_context_name: "1.2.840.10008.3.1.1.1".to_owned(),
        presentation_contexts: vec![context(1, ECHO), context(3, CT), context(5, "1.2.3.4.5")],
        user_variables: vec![UserVariableItem::MaxLength(16_384)],
    })
}

pub fn bytes_of(pdu: &Pdu) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_pdu(&mut bytes, pdu).unwrap();
    bytes
}
