//! The calls around a user's devices.

use kernel::secret::ExposeSecret as _;
use kernel::{Error, Result, SecretText};
use proto::mfa_devices::device_service_client::DeviceServiceClient;
use proto::mfa_devices::{
    ActivateTotpDeviceRequest, DeleteDeviceRequest, Device, GetDeviceRequest, ListDevicesRequest,
    RegisterTotpDeviceRequest, RegisterTotpDeviceResponse, SetDefaultDeviceRequest, UpdateDeviceRequest,
};
use proto::names;
use tonic::transport::Channel;

use super::{OperationIds, UserClient, answer};

/// What a change of factors is paid with, where it takes a payment: an operation and the receipt for it.
#[derive(Default)]
pub(crate) struct Ticket {
    /// The operation's id; empty without a receipt.
    pub(crate) operation_id: String,
    /// The receipt; may be empty.
    pub(crate) receipt: String,
}

/// The device in an answer.
pub(super) fn device(found: Option<Device>) -> Result<Device> {
    found.ok_or_else(|| Error::internal("mfa-devices answered without a device"))
}

impl UserClient {
    /// The devices' client.
    pub(super) fn devices(&self) -> DeviceServiceClient<Channel> {
        DeviceServiceClient::new(self.channel())
    }

    /// A device's name, from its name or id.
    pub(crate) fn device_name(&self, text: &str) -> String {
        match text.parse() {
            Ok(id) => names::device(self.environment, self.user, id),
            Err(_) => text.to_owned(),
        }
    }

    /// Registers a TOTP device, pending until its first code.
    pub(crate) async fn register_totp(
        &self,
        display_name: &str,
        ticket: Ticket,
    ) -> Result<RegisterTotpDeviceResponse> {
        let request = RegisterTotpDeviceRequest {
            parent: self.name(),
            display_name: display_name.to_owned(),
            operation_id: ticket.operation_id,
            receipt: ticket.receipt,
        };
        answer(self.devices().register_totp_device(self.request(request)?).await)
    }

    /// Makes a pending TOTP device a factor.
    pub(crate) async fn activate_totp(
        &self,
        name: &str,
        code: &SecretText,
        ids: &OperationIds<'_>,
    ) -> Result<Device> {
        let request = ActivateTotpDeviceRequest {
            name: self.device_name(name),
            code: code.expose_secret().to_owned(),
            request_id: ids.request().to_string(),
        };
        device(answer(self.devices().activate_totp_device(self.request(request)?).await)?.device)
    }

    /// Lists all devices.
    pub(crate) async fn list_devices(&self) -> Result<Vec<Device>> {
        let (mut devices, mut page_token) = (Vec::new(), String::new());
        loop {
            let request = ListDevicesRequest { parent: self.name(), page_size: 0, page_token };
            let page = answer(self.devices().list_devices(self.request(request)?).await)?;
            devices.extend(page.devices);
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(devices);
            }
        }
    }

    /// Reads a device, by name or id.
    pub(crate) async fn device(&self, name: &str) -> Result<Device> {
        let request = GetDeviceRequest { name: self.device_name(name) };
        device(answer(self.devices().get_device(self.request(request)?).await)?.device)
    }

    /// Calls a device, by name or id, something else.
    pub(crate) async fn rename_device(&self, name: &str, display_name: &str) -> Result<Device> {
        let request = UpdateDeviceRequest {
            device: Some(Device {
                name: self.device_name(name),
                display_name: display_name.to_owned(),
                ..Device::default()
            }),
            update_mask: Some(prost_types::FieldMask { paths: vec!["display_name".to_owned()] }),
        };
        device(answer(self.devices().update_device(self.request(request)?).await)?.device)
    }

    /// Makes a device, by name or id, the one to offer first.
    pub(crate) async fn set_default_device(&self, name: &str) -> Result<Device> {
        let request = SetDefaultDeviceRequest { name: self.device_name(name) };
        device(answer(self.devices().set_default_device(self.request(request)?).await)?.device)
    }

    /// Removes a device, by name or id.
    pub(crate) async fn delete_device(&self, name: &str, ticket: Ticket) -> Result<()> {
        let request = DeleteDeviceRequest {
            name: self.device_name(name),
            operation_id: ticket.operation_id,
            receipt: ticket.receipt,
        };
        answer(self.devices().delete_device(self.request(request)?).await).map(drop)
    }
}
